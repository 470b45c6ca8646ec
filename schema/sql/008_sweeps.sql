-- 008_sweeps.sql - jobs of many runs.

ALTER TABLE jobs ADD COLUMN promote_best INTEGER NOT NULL DEFAULT 0;   -- runs that go on; 0: all
ALTER TABLE jobs ADD COLUMN promote_metric TEXT NOT NULL DEFAULT '';   -- what they are ranked by

ALTER TABLE runs ADD COLUMN sweep_place INTEGER NOT NULL DEFAULT 0;    -- in its sweep, from 1; 0: none
ALTER TABLE runs ADD COLUMN max_parallel INTEGER NOT NULL DEFAULT 0;   -- runs of its job at once; 0: no limit
ALTER TABLE runs ADD COLUMN sweep_gate INTEGER NOT NULL DEFAULT 0;     -- 1 + the level at whose end it waits for its sweep
ALTER TABLE runs ADD COLUMN sweep_values TEXT NOT NULL DEFAULT '';     -- JSON object: what differs from its job
ALTER TABLE runs ADD COLUMN spec TEXT NOT NULL DEFAULT '';             -- JSON; '': its job's

DROP INDEX runs_by_job;
CREATE INDEX runs_by_job ON runs (job, state);
CREATE INDEX runs_at_gate ON runs (job) WHERE state = 'paused' AND sweep_gate > 0;
