-- Points of the frames of one minute of a site, as they came; has_news until its minute is closed.
CREATE TABLE cell (
    site_id text NOT NULL,
    start_ms bigint NOT NULL,
    points bytea NOT NULL,
    has_news boolean NOT NULL DEFAULT true,
    PRIMARY KEY (site_id, start_ms)
);
CREATE INDEX cell_with_news ON cell (site_id, start_ms) WHERE has_news;
CREATE INDEX cell_by_age ON cell (start_ms);

-- The sums behind a rollup; has_news until the next wider window has taken them in.
ALTER TABLE rollup
    ADD COLUMN account bytea NOT NULL DEFAULT '',
    ADD COLUMN has_news boolean NOT NULL DEFAULT false;
CREATE INDEX rollup_with_news ON rollup (width_ms, site_id, start_ms) WHERE has_news;
CREATE INDEX minute_by_age ON rollup (start_ms) WHERE width_ms = 60000;

-- Minutes of servers and of the IT meter in the first sound hour of a server set, as sums.
CREATE TABLE agreement (
    site_id text NOT NULL,
    revision bigint NOT NULL,
    pairs double precision[] NOT NULL,
    PRIMARY KEY (site_id, revision)
);
