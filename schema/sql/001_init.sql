-- 001_init.sql - jobs, runs, levels, metrics, events.
--
-- Times ending in _ms are milliseconds of the Unix epoch in UTC; 0 means "not yet", and
-- '' means "no text". A run is known outside by its id and inside by its number, which
-- also is the order of submission.

CREATE TABLE jobs (
    id         TEXT PRIMARY KEY,
    name       TEXT NOT NULL,
    spec       TEXT NOT NULL,               -- JSON, as it was accepted
    priority   INTEGER NOT NULL,
    created_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE runs (
    number           INTEGER PRIMARY KEY,
    id               TEXT NOT NULL UNIQUE,
    job              TEXT NOT NULL REFERENCES jobs (id),
    name             TEXT NOT NULL,
    dataset          TEXT NOT NULL,
    levels           INTEGER NOT NULL,
    priority         INTEGER NOT NULL,
    max_retries      INTEGER NOT NULL,
    time_limit_s     INTEGER NOT NULL,      -- 0: none
    threads          INTEGER NOT NULL,      -- 0: as the daemon's settings say
    created_ms       INTEGER NOT NULL,

    state            TEXT NOT NULL DEFAULT 'queued'
                     CHECK (state IN ('queued', 'starting', 'running', 'paused',
                                      'succeeded', 'failed', 'cancelled')),
    reason           TEXT NOT NULL DEFAULT '',
    cancel_requested INTEGER NOT NULL DEFAULT 0,
    attempt          INTEGER NOT NULL DEFAULT 0, -- workers started so far
    retries          INTEGER NOT NULL DEFAULT 0, -- of these, after the loss of a worker
    barren           INTEGER NOT NULL DEFAULT 0, -- lost in a row without having done anything
    not_before_ms    INTEGER NOT NULL DEFAULT 0, -- a retry waits until then
    started_ms       INTEGER NOT NULL DEFAULT 0, -- the first worker's start
    attempt_ms       INTEGER NOT NULL DEFAULT 0, -- this worker's start
    spent_ms         INTEGER NOT NULL DEFAULT 0, -- wall time of the workers before it
    finished_ms      INTEGER NOT NULL DEFAULT 0,
    pid              INTEGER NOT NULL DEFAULT 0, -- of the living worker; 0: none known

    level            INTEGER NOT NULL DEFAULT -1, -- -1: none was begun
    step             INTEGER NOT NULL DEFAULT 0,
    steps            INTEGER NOT NULL DEFAULT 0,
    epoch            REAL NOT NULL DEFAULT 0,
    work             REAL NOT NULL DEFAULT 0,
    total_work       REAL NOT NULL DEFAULT 0,
    time             REAL NOT NULL DEFAULT 0,

    journal_offset   INTEGER NOT NULL DEFAULT 0, -- bytes of the journal stored here
    journal_skip     INTEGER NOT NULL DEFAULT 0, -- 1: the offset is inside an overlong line
    journal_head     TEXT NOT NULL DEFAULT '',   -- fingerprint of the journal's beginning
    record_ms        INTEGER NOT NULL DEFAULT 0, -- when the newest record was written
    final_state      TEXT NOT NULL DEFAULT '',   -- of this attempt's final record
    error_code       TEXT NOT NULL DEFAULT '',
    error_at         TEXT NOT NULL DEFAULT '',
    error_text       TEXT NOT NULL DEFAULT '',
    model_sha256     TEXT NOT NULL DEFAULT ''
) STRICT;

CREATE INDEX runs_by_job ON runs (job);
CREATE INDEX runs_by_state ON runs (state, id);

CREATE TABLE levels (
    run             INTEGER NOT NULL REFERENCES runs (number) ON DELETE CASCADE,
    level           INTEGER NOT NULL,
    state           TEXT NOT NULL DEFAULT 'pending'
                    CHECK (state IN ('pending', 'running', 'done', 'skipped')),
    resolution      INTEGER NOT NULL,
    blocks          TEXT NOT NULL,          -- JSON array
    epochs          INTEGER NOT NULL,
    steps           INTEGER,                -- this and the next four: from the plan
    parameters      INTEGER,
    flops_per_image REAL,
    memory_bytes    INTEGER,
    work            REAL,
    started_ms      INTEGER,
    finished_ms     INTEGER,
    time_begin      REAL,                   -- seconds of training
    time_end        REAL,
    metrics         TEXT,                   -- JSON object
    transfer        TEXT,                   -- JSON object: the journal's record
    PRIMARY KEY (run, level)
) STRICT, WITHOUT ROWID;

CREATE TABLE metric_names (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE metrics (
    run   INTEGER NOT NULL REFERENCES runs (number) ON DELETE CASCADE,
    name  INTEGER NOT NULL REFERENCES metric_names (id),
    level INTEGER NOT NULL,
    step  INTEGER NOT NULL,
    value REAL,                             -- NULL: not finite
    epoch REAL NOT NULL,
    work  REAL NOT NULL,
    time  REAL NOT NULL,
    PRIMARY KEY (run, name, level, step)
) STRICT, WITHOUT ROWID;

CREATE TABLE newest_metrics (
    run   INTEGER NOT NULL REFERENCES runs (number) ON DELETE CASCADE,
    name  INTEGER NOT NULL REFERENCES metric_names (id),
    level INTEGER NOT NULL,
    step  INTEGER NOT NULL,
    value REAL,
    PRIMARY KEY (run, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    run        INTEGER NOT NULL REFERENCES runs (number) ON DELETE CASCADE,
    at_ms      INTEGER NOT NULL,
    kind       TEXT NOT NULL
               CHECK (kind IN ('state', 'cancel', 'warning', 'checkpoint')),
    from_state TEXT NOT NULL DEFAULT '',
    to_state   TEXT NOT NULL DEFAULT '',
    text       TEXT NOT NULL,               -- the cause, or what was warned of
    source     TEXT,                        -- names a journal record; NULL: the daemon
    UNIQUE (run, source)
) STRICT;
