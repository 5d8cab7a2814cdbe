-- The newest standing of each site; its row is the lock of all that concerns the site.
CREATE TABLE site (
    site_id text PRIMARY KEY,
    revision bigint NOT NULL,
    state smallint NOT NULL,
    changed_at_ms bigint NOT NULL
);

-- Facts as they were told, never changed. `state` is the standing at the time of recording.
CREATE TABLE site_revision (
    site_id text NOT NULL REFERENCES site,
    revision bigint NOT NULL,
    state smallint NOT NULL,
    valid_from_ms bigint NOT NULL,
    recorded_at_ms bigint NOT NULL,
    recorded_by text NOT NULL,
    site bytea NOT NULL,
    PRIMARY KEY (site_id, revision)
);

-- Whole server sets, never changed; the columns stay one value.
CREATE TABLE server_set_revision (
    site_id text NOT NULL REFERENCES site,
    revision bigint NOT NULL,
    servers int NOT NULL,
    added int NOT NULL,
    removed int NOT NULL,
    changed int NOT NULL,
    recorded_at_ms bigint NOT NULL,
    recorded_by text NOT NULL,
    server_set bytea NOT NULL,
    PRIMARY KEY (site_id, revision)
);

-- Steps of admission with their evidence, never changed.
CREATE TABLE admission_step (
    site_id text NOT NULL REFERENCES site,
    step bigint NOT NULL,
    state smallint NOT NULL,
    decided_by text NOT NULL,
    decided_at_ms bigint NOT NULL,
    admission bytea NOT NULL,
    PRIMARY KEY (site_id, step)
);

-- Requests that were answered: `number` is the revision or step each was answered with.
CREATE TABLE request (
    verb text NOT NULL,
    principal text NOT NULL,
    key text NOT NULL,
    digest text NOT NULL,
    site_id text NOT NULL,
    number bigint NOT NULL,
    PRIMARY KEY (verb, principal, key)
);

-- Metered intervals; a later revision replaces an earlier one.
CREATE TABLE rollup (
    site_id text NOT NULL,
    start_ms bigint NOT NULL,
    end_ms bigint NOT NULL,
    revision bigint NOT NULL,
    it_energy_ws bigint NOT NULL,
    facility_energy_ws bigint NOT NULL,
    coverage_ppm int NOT NULL,
    PRIMARY KEY (site_id, start_ms, end_ms)
);
