-- The time a gap speaks of, where no number is missing but time is; 0 where it is not known.
ALTER TABLE gap ADD COLUMN from_ms bigint NOT NULL DEFAULT 0;
ALTER TABLE gap ADD COLUMN to_ms bigint NOT NULL DEFAULT 0;

-- When a frame of the log measured, so that taking it over leaves no false silence behind.
ALTER TABLE ahead ADD COLUMN observed_at_ms bigint NOT NULL DEFAULT 0;
