-- 010_webhooks.sql - what is still to be told to a receiver: a row until it has taken it.

CREATE TABLE deliveries (
    number     INTEGER PRIMARY KEY AUTOINCREMENT,
    id         TEXT NOT NULL UNIQUE,        -- X-Odenet-Delivery, the same each time
    run        TEXT NOT NULL,               -- its id: a run that is deleted is told of, too
    body       TEXT NOT NULL,               -- JSON, as it is sent
    attempts   INTEGER NOT NULL DEFAULT 0,  -- that failed so far
    created_ms INTEGER NOT NULL,
    due_ms     INTEGER NOT NULL
) STRICT;

CREATE INDEX deliveries_by_due ON deliveries (due_ms, number);
