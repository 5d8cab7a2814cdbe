-- name: series_kept_beyond
-- Minutes of one partition of the log that are kept beyond its mark.
SELECT site_id, start_ms, revision, max(through_offset) AS through_offset
FROM series WHERE level = 1 AND log_partition = $1 AND through_offset > $2
GROUP BY site_id, start_ms, revision

-- name: series_marks
-- From where each partition of the log must be read again.
SELECT partition, next_offset FROM inbox WHERE topic = $1

-- name: add_series
-- A part once written is never changed.
INSERT INTO series
    (level, site_id, start_ms, revision, through_offset, log_partition, units, section_units, metrics, ends, data)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING

-- name: series_units
-- The server sets in use between two moments, and where a site, rack or server ($5, $6) stands in each.
WITH used AS (
    SELECT DISTINCT revision FROM series
    WHERE level = $1 AND site_id = $2 AND start_ms >= $3 AND start_ms < $4
), sets AS (
    SELECT revision, racks, rack_index, array_position(racks, $5::text) - 1 AS rack
    FROM server_set JOIN used USING (revision) WHERE site_id = $2
)
SELECT revision, 0 AS place, cardinality(rack_index) AS servers FROM sets WHERE $1 = 1
UNION ALL
SELECT revision, rack, (SELECT count(*) FROM unnest(rack_index) AS i WHERE i = rack) FROM sets
WHERE $1 = 2 AND rack IS NOT NULL
UNION ALL
-- A server is the same as long as its number stands in the same rack.
SELECT revision, $6::int, 1 FROM sets WHERE $1 = 3 AND rack_index[$6::int + 1] = rack

-- name: series_sections
-- Of each part of a minute the one section that holds the unit; $5 to $7 say where it stands in each server set.
SELECT s.start_ms, s.units, s.section_units, u.place, u.servers,
       substring(s.data FROM coalesce(s.ends[slot - 1], 0) + 1
                 FOR s.ends[slot] - coalesce(s.ends[slot - 1], 0)) AS section
FROM series AS s
JOIN unnest($5::bigint[], $6::int[], $7::int[]) AS u (revision, place, servers) USING (revision)
CROSS JOIN LATERAL (
    SELECT (array_position(s.metrics, $8::smallint) - 1) * ((s.units + s.section_units - 1) / s.section_units)
           + u.place / s.section_units + 1 AS slot
) AS at
WHERE s.level = $1 AND s.site_id = $2 AND s.start_ms >= $3 AND s.start_ms < $4 AND slot IS NOT NULL
ORDER BY s.start_ms

-- name: make_series_day
-- The table of a day, before it is needed.
SELECT make_series_day($1, $2)

-- name: drop_series_day
-- The oldest table that ended before a moment.
SELECT drop_series_day($1, $2)
