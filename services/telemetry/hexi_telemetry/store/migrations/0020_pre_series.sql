-- Parts of minutes as blocks of compressed columns, by level (1 site, 2 rack, 3 server) and day. A late frame makes a
-- new part with a higher through_offset: all that the log has of the minute below it is in this part or an earlier one.
CREATE TABLE series (
    level smallint NOT NULL,
    site_id text NOT NULL,
    start_ms bigint NOT NULL,
    revision bigint NOT NULL,
    through_offset bigint NOT NULL,
    log_partition int NOT NULL,
    units int NOT NULL,
    metrics smallint[] NOT NULL,
    ends int[] NOT NULL,
    data bytea NOT NULL,
    PRIMARY KEY (level, site_id, start_ms, revision, through_offset)
) PARTITION BY LIST (level);
-- Not compressed a second time, and so a section can be read without the rest.
ALTER TABLE series ALTER COLUMN data SET STORAGE EXTERNAL;

CREATE TABLE series_site PARTITION OF series FOR VALUES IN (1) PARTITION BY RANGE (start_ms);
CREATE TABLE series_rack PARTITION OF series FOR VALUES IN (2) PARTITION BY RANGE (start_ms);
CREATE TABLE series_server PARTITION OF series FOR VALUES IN (3) PARTITION BY RANGE (start_ms);
-- A start asks which minutes were kept beyond a mark.
CREATE INDEX series_site_beyond ON series_site (log_partition, through_offset);

-- A day's table is made aside and then attached: that locks out neither readers nor writers.
CREATE FUNCTION make_series_day(kind text, day_ms bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    leaf text := format('series_%s_%s', kind, to_char(to_timestamp(day_ms / 1000) AT TIME ZONE 'UTC', 'YYYYMMDD'));
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('make_series_day'));
    IF to_regclass(leaf) IS NULL THEN
        EXECUTE format('CREATE TABLE %I (LIKE series_%s INCLUDING ALL)', leaf, kind);
        EXECUTE format('ALTER TABLE series_%s ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)',
                       kind, leaf, day_ms, day_ms + 86400000);
    END IF;
END $$;

-- Drops the oldest day that ended before; the name of its table, or null where there is none. To drop locks everybody
-- out for a moment, so it waits for a free moment no longer than others may wait for it.
CREATE FUNCTION drop_series_day(kind text, before_ms bigint) RETURNS text LANGUAGE plpgsql
SET lock_timeout = '500ms' AS $$
DECLARE
    newest text := format('series_%s_%s', kind, to_char(to_timestamp(before_ms / 1000) AT TIME ZONE 'UTC', 'YYYYMMDD'));
    leaf text;
BEGIN
    SELECT min(c.relname) INTO leaf FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = to_regclass(format('series_%s', kind)) AND c.relname < newest;
    IF leaf IS NOT NULL THEN
        EXECUTE format('DROP TABLE %I', leaf);
    END IF;
    RETURN leaf;
END $$;
