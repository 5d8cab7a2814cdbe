-- One stream of sequence numbers; every number up to decided_through is accepted, refused or missing.
CREATE TABLE stream (
    site_id text NOT NULL,
    agent_id text NOT NULL,
    epoch bigint NOT NULL CHECK (epoch >= 0),
    decided_through bigint NOT NULL CHECK (decided_through >= 0),
    head bytea NOT NULL,
    accepted bigint NOT NULL,
    refused bigint NOT NULL,
    missing bigint NOT NULL,
    last_observed_at_ms bigint NOT NULL,
    PRIMARY KEY (site_id, agent_id, epoch),
    CONSTRAINT every_number_counted CHECK (accepted + refused + missing = decided_through)
);

-- Frames the log has and the ledger did not know when the log was read: after a crash only.
CREATE TABLE ahead (
    site_id text NOT NULL,
    agent_id text NOT NULL,
    epoch bigint NOT NULL,
    sequence bigint NOT NULL,
    digest bytea NOT NULL,
    PRIMARY KEY (site_id, agent_id, epoch, sequence)
);

CREATE TABLE gap (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id text NOT NULL,
    agent_id text NOT NULL,
    epoch bigint NOT NULL,
    first_sequence bigint NOT NULL,
    last_sequence bigint NOT NULL,
    cause smallint NOT NULL,
    recorded_at_ms bigint NOT NULL
);
CREATE INDEX gap_of_site ON gap (site_id, id);

-- Sums of one quarter of an hour; the two flags say that a window has news to tell.
CREATE TABLE quarter (
    site_id text NOT NULL,
    start_ms bigint NOT NULL,
    frames bigint NOT NULL,
    power_uws bigint NOT NULL,
    covered_server_ms bigint NOT NULL,
    servers bigint NOT NULL,
    first_at_ms bigint,
    first_facility_ws bigint,
    first_it_ws bigint,
    last_at_ms bigint,
    last_facility_ws bigint,
    last_it_ws bigint,
    quarter_has_news boolean NOT NULL DEFAULT true,
    hour_has_news boolean NOT NULL DEFAULT true,
    PRIMARY KEY (site_id, start_ms)
);
CREATE INDEX quarter_with_news ON quarter (start_ms) WHERE quarter_has_news OR hour_has_news;

-- How far each site's frames have told of time.
CREATE TABLE watermark (
    site_id text PRIMARY KEY,
    observed_at_ms bigint NOT NULL
);

-- The newest revision of each closed window, as published.
CREATE TABLE rollup (
    site_id text NOT NULL,
    start_ms bigint NOT NULL,
    width_ms bigint NOT NULL,
    revision bigint NOT NULL,
    message bytea NOT NULL,
    PRIMARY KEY (site_id, start_ms, width_ms)
);

-- What inventory says of sites, and every server set revision frames may still speak of.
CREATE TABLE site (
    site_id text PRIMARY KEY,
    is_admitted boolean NOT NULL,
    fingerprints text[] NOT NULL
);
CREATE TABLE server_set (
    site_id text NOT NULL,
    revision bigint NOT NULL,
    racks text[] NOT NULL,
    rack_index int[] NOT NULL,
    PRIMARY KEY (site_id, revision)
);
