-- 003_forecast.sql - how long a run will take, as its worker said last.

ALTER TABLE runs ADD COLUMN forecast TEXT NOT NULL DEFAULT '';      -- JSON: seconds that were left; '': not known
ALTER TABLE runs ADD COLUMN forecast_ms INTEGER NOT NULL DEFAULT 0; -- when it was said,
ALTER TABLE runs ADD COLUMN forecast_time REAL NOT NULL DEFAULT 0;  -- and after how many seconds of training

ALTER TABLE levels ADD COLUMN forecast TEXT;                        -- JSON: seconds of the level
