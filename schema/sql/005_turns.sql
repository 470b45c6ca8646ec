-- 005_turns.sql - whose turn it is: what runs take of the machine, pauses, preemption.

ALTER TABLE runs ADD COLUMN memory_bytes INTEGER NOT NULL DEFAULT 0; -- at the peak, as predicted; 0: not known
ALTER TABLE runs ADD COLUMN pause INTEGER NOT NULL DEFAULT 0;        -- 1: to pause at its next checkpoint
ALTER TABLE runs ADD COLUMN yields_to TEXT NOT NULL DEFAULT '';      -- id of the run that it makes room for

CREATE INDEX runs_by_turn ON runs (state, priority DESC, number);

-- Kinds of events are the program's business.
CREATE TABLE events_new (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    run        INTEGER NOT NULL REFERENCES runs (number) ON DELETE CASCADE,
    at_ms      INTEGER NOT NULL,
    kind       TEXT NOT NULL,               -- state, warning, checkpoint or a request's name
    from_state TEXT NOT NULL DEFAULT '',
    to_state   TEXT NOT NULL DEFAULT '',
    text       TEXT NOT NULL,               -- the cause, or what was warned of
    source     TEXT,                        -- names a journal record; NULL: the daemon
    UNIQUE (run, source)
) STRICT;
INSERT INTO events_new SELECT * FROM events;
DROP TABLE events;
ALTER TABLE events_new RENAME TO events;
