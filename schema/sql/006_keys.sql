-- 006_keys.sql - submissions that clients may repeat: the first answer to each key.

CREATE TABLE keys (
    key         TEXT PRIMARY KEY,           -- the client's Idempotency-Key
    fingerprint TEXT NOT NULL,              -- SHA-256 of the spec, members sorted
    answer      TEXT NOT NULL,              -- JSON
    created_ms  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX keys_by_age ON keys (created_ms);
