-- Which stated key signs which numbers of a stream; the statements themselves are on telemetry.key.v1.
CREATE TABLE frame_key (
    site_id text NOT NULL,
    agent_id text NOT NULL,
    epoch bigint NOT NULL,
    from_sequence bigint NOT NULL CHECK (from_sequence > 0),
    key_id text NOT NULL,
    algorithm smallint NOT NULL,
    public_key bytea NOT NULL,
    stated_at_ms bigint NOT NULL,
    certificate_id text NOT NULL,
    PRIMARY KEY (site_id, agent_id, epoch, from_sequence)
);
