-- 009_storage.sql - what runs take of the disk, and what of it went already.

ALTER TABLE runs ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;     -- of its folder, when it was last weighed; 0: not yet
ALTER TABLE runs ADD COLUMN tidied_ms INTEGER NOT NULL DEFAULT 0; -- when its checkpoints were deleted, but for those of levels' ends

CREATE INDEX runs_by_end ON runs (finished_ms);
