-- 011_versions.sql - in which order runs have changed: what a client has not seen yet.

ALTER TABLE runs ADD COLUMN version INTEGER NOT NULL DEFAULT 0; -- grows over all runs with each change

CREATE INDEX runs_by_version ON runs (version);
