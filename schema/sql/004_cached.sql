-- 004_cached.sql - levels that another run had trained already.

ALTER TABLE levels ADD COLUMN cached INTEGER NOT NULL DEFAULT 0; -- 1: so it was
