-- 007_events.sql - the events of a run are found in their order.

CREATE INDEX events_by_run ON events (run, id);
