-- Every record heard has one verdict: in = matched + unmatched + refused + shed.
CREATE TABLE account (
    topic text PRIMARY KEY,
    matched bigint NOT NULL DEFAULT 0,
    unmatched bigint NOT NULL DEFAULT 0,
    refused bigint NOT NULL DEFAULT 0,
    shed bigint NOT NULL DEFAULT 0
);

-- Records that went to the dead letters; the key counts each once.
CREATE TABLE refusal (
    topic text NOT NULL,
    partition int NOT NULL,
    record_offset bigint NOT NULL,
    reason text NOT NULL,
    refused_at_ms bigint NOT NULL,
    PRIMARY KEY (topic, partition, record_offset)
);

-- What is known of each site.
CREATE TABLE site (
    site_id text PRIMARY KEY,
    security_grade smallint NOT NULL,
    state_owned_cloud boolean NOT NULL,
    admitted boolean NOT NULL
);

-- Which rack each server of a revision stands in: int32 little-endian, one a server.
CREATE TABLE rack_map (
    site_id text NOT NULL,
    revision bigint NOT NULL,
    racks text[] NOT NULL,
    rack_of bytea NOT NULL,
    PRIMARY KEY (site_id, revision)
);

-- Last good reading of each rack of the newest revision; int64 and bytes, one a rack.
CREATE TABLE watch (
    site_id text PRIMARY KEY,
    revision bigint NOT NULL,
    last_good_ms bytea NOT NULL,
    silent bytea NOT NULL,
    newest_ms bigint NOT NULL,
    FOREIGN KEY (site_id, revision) REFERENCES rack_map
);

-- Events of a group that have not made a finding yet.
CREATE TABLE rule_window (
    rule_id text NOT NULL,
    group_key text NOT NULL,
    times_ms bigint[] NOT NULL,
    uids text[] NOT NULL,
    newest_ms bigint NOT NULL,
    PRIMARY KEY (rule_id, group_key)
);
CREATE INDEX rule_window_age ON rule_window (newest_ms);

CREATE TABLE incident (
    incident_id text PRIMARY KEY,
    site_id text NOT NULL,
    rule_id text NOT NULL,
    title text NOT NULL,
    severity smallint NOT NULL,
    state smallint NOT NULL,
    opened_at_ms bigint NOT NULL,
    findings int NOT NULL,
    tellings int NOT NULL DEFAULT 0,
    details jsonb NOT NULL
);
CREATE INDEX incident_of_site ON incident (site_id, rule_id, opened_at_ms);

CREATE TABLE finding (
    finding_id text PRIMARY KEY,
    incident_id text NOT NULL REFERENCES incident,
    time_ms bigint NOT NULL,
    document text NOT NULL
);
CREATE INDEX finding_of_incident ON finding (incident_id, time_ms);

CREATE TABLE directive (
    directive_id text PRIMARY KEY,
    site_id text NOT NULL,
    racks text[] NOT NULL,
    active boolean NOT NULL,
    automatic boolean NOT NULL,
    reason text NOT NULL,
    incident_id text NOT NULL,
    issued_by text NOT NULL,
    issued_at_ms bigint NOT NULL
);
CREATE INDEX directive_of_site ON directive (site_id) WHERE active;
CREATE INDEX directive_of_incident ON directive (incident_id);

-- Requests that were answered, and the id each was answered with.
CREATE TABLE request (
    verb text NOT NULL,
    principal text NOT NULL,
    key text NOT NULL,
    digest text NOT NULL,
    answer_id text NOT NULL,
    PRIMARY KEY (verb, principal, key)
);
