-- The agent that answers for a site in the mesh, and half of every pair's key.
CREATE TABLE mesh_member (
    site_id text PRIMARY KEY,
    agent_id text NOT NULL,
    address text NOT NULL,
    public_key bytea NOT NULL,
    seen_at_ms bigint NOT NULL
);

-- The newest window of each site to each other.
CREATE TABLE mesh_report (
    site_id text NOT NULL,
    peer_site_id text NOT NULL,
    min_us bigint NOT NULL,
    p50_us bigint NOT NULL,
    p99_us bigint NOT NULL,
    samples bigint NOT NULL,
    lost bigint NOT NULL,
    reported_at_ms bigint NOT NULL,
    PRIMARY KEY (site_id, peer_site_id)
);

-- The newest benchmark run of each server, one for what it has of each subject.
CREATE TABLE compute_vector (
    site_id text NOT NULL,
    subject text NOT NULL,
    server bigint NOT NULL,
    placement_id text NOT NULL,
    message bytea NOT NULL,
    PRIMARY KEY (site_id, subject, server)
);

-- What was published last of each site.
CREATE TABLE measure (
    site_id text PRIMARY KEY,
    revision bigint NOT NULL,
    message bytea NOT NULL
);

-- Hours of all sites are looked at once a minute.
CREATE INDEX rollup_of_hour ON rollup (start_ms) WHERE width_ms = 3600000;
