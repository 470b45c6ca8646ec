-- 002_requests.sql - what is asked of a run beside its end, and why a level ended.

ALTER TABLE runs ADD COLUMN hold INTEGER NOT NULL DEFAULT 0;    -- 1: stop at the level's end
ALTER TABLE runs ADD COLUMN advance INTEGER NOT NULL DEFAULT 0; -- 1 + level that is to end

ALTER TABLE levels ADD COLUMN ended TEXT; -- budget, plateau or request

-- A request is an event, too.
CREATE TABLE events_new (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    run        INTEGER NOT NULL REFERENCES runs (number) ON DELETE CASCADE,
    at_ms      INTEGER NOT NULL,
    kind       TEXT NOT NULL
               CHECK (kind IN ('state', 'cancel', 'hold', 'advance', 'warning',
                               'checkpoint')),
    from_state TEXT NOT NULL DEFAULT '',
    to_state   TEXT NOT NULL DEFAULT '',
    text       TEXT NOT NULL,               -- the cause, or what was warned of
    source     TEXT,                        -- names a journal record; NULL: the daemon
    UNIQUE (run, source)
) STRICT;
INSERT INTO events_new SELECT * FROM events;
DROP TABLE events;
ALTER TABLE events_new RENAME TO events;
