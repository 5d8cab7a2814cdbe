-- When each range of servers of a stream was heard last, so that a restart forgets no silence and invents none.
ALTER TABLE stream ADD COLUMN silence bytea NOT NULL DEFAULT '';

-- Whom a frame of the log spoke of, and of how long.
ALTER TABLE ahead ADD COLUMN first_server bigint NOT NULL DEFAULT 0;
ALTER TABLE ahead ADD COLUMN period_ms bigint NOT NULL DEFAULT 0;
