-- name: newest_stream
-- The stream of the highest epoch of one agent.
SELECT epoch, decided_through, head, accepted, refused, missing, last_observed_at_ms
FROM stream WHERE site_id = $1 AND agent_id = $2 ORDER BY epoch DESC LIMIT 1

-- name: ahead_of_stream
-- What the log has beyond the ledger.
SELECT sequence, digest FROM ahead
WHERE site_id = $1 AND agent_id = $2 AND epoch = $3 AND sequence > $4 ORDER BY sequence

-- name: keys_of_stream
-- The keys that sign its numbers, by first number.
SELECT key_id, algorithm, public_key, from_sequence, stated_at_ms, certificate_id FROM frame_key
WHERE site_id = $1 AND agent_id = $2 AND epoch = $3 ORDER BY from_sequence

-- name: forget_keys
-- Those that still count are added anew.
DELETE FROM frame_key WHERE site_id = $1 AND agent_id = $2 AND epoch = $3

-- name: add_key
-- One stated key.
INSERT INTO frame_key (site_id, agent_id, epoch, key_id, algorithm, public_key, from_sequence,
                       stated_at_ms, certificate_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)

-- name: save_streams
-- Only its own predecessor may be followed: of a second writer less is saved than was given.
-- What the log had ahead is taken over, which after a crash only is more than nothing.
WITH new AS (
    SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[],
                         $6::bytea[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[])
        AS n (site_id, agent_id, epoch, decided_through, was_decided_through,
              head, accepted, refused, missing, last_observed_at_ms)
), saved AS (
    INSERT INTO stream AS s (site_id, agent_id, epoch, decided_through, head,
                             accepted, refused, missing, last_observed_at_ms)
    SELECT site_id, agent_id, epoch, decided_through, head,
           accepted, refused, missing, last_observed_at_ms FROM new
    ON CONFLICT (site_id, agent_id, epoch) DO UPDATE
    SET decided_through = excluded.decided_through, head = excluded.head,
        accepted = excluded.accepted, refused = excluded.refused, missing = excluded.missing,
        last_observed_at_ms = excluded.last_observed_at_ms
    WHERE s.decided_through = (
        SELECT n.was_decided_through FROM new AS n
        WHERE (n.site_id, n.agent_id, n.epoch) = (s.site_id, s.agent_id, s.epoch))
    RETURNING site_id, agent_id, epoch, decided_through
), taken_over AS (
    DELETE FROM ahead USING saved
    WHERE (ahead.site_id, ahead.agent_id, ahead.epoch) = (saved.site_id, saved.agent_id, saved.epoch)
      AND ahead.sequence <= saved.decided_through
)
SELECT count(*) FROM saved

-- name: add_gaps
-- Numbers that never were accepted, and time nobody measured.
INSERT INTO gap (site_id, agent_id, epoch, first_sequence, last_sequence, cause,
                 recorded_at_ms, from_ms, to_ms)
SELECT site_id, agent_id, epoch, first_sequence, last_sequence, cause,
       recorded_at_ms, from_ms, to_ms
FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::smallint[],
            $7::bigint[], $8::bigint[], $9::bigint[])
    WITH ORDINALITY AS g (site_id, agent_id, epoch, first_sequence, last_sequence, cause,
                          recorded_at_ms, from_ms, to_ms, place)
ORDER BY g.place

-- name: add_ahead
-- Frames of the log that no stream counts yet; most are decided before the log is read.
INSERT INTO ahead (site_id, agent_id, epoch, sequence, digest)
SELECT f.site_id, f.agent_id, f.epoch, f.sequence, f.digest
FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bytea[])
    AS f (site_id, agent_id, epoch, sequence, digest)
LEFT JOIN stream AS s USING (site_id, agent_id, epoch)
WHERE f.sequence > coalesce(s.decided_through, 0)
ON CONFLICT DO NOTHING

-- name: add_quarters
-- Adds sums and widens ends; first readings are the earliest, last ones the latest.
INSERT INTO quarter AS q (site_id, start_ms, frames, power_uws, covered_server_ms, servers,
                          first_at_ms, first_facility_ws, first_it_ws,
                          last_at_ms, last_facility_ws, last_it_ws)
SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[],
                     $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[],
                     $11::bigint[], $12::bigint[])
ON CONFLICT (site_id, start_ms) DO UPDATE SET
    frames = q.frames + excluded.frames,
    power_uws = q.power_uws + excluded.power_uws,
    covered_server_ms = q.covered_server_ms + excluded.covered_server_ms,
    servers = greatest(q.servers, excluded.servers),
    (first_at_ms, first_facility_ws, first_it_ws) = (
        SELECT r.at_ms, r.facility_ws, r.it_ws FROM (VALUES
            (q.first_at_ms, q.first_facility_ws, q.first_it_ws),
            (excluded.first_at_ms, excluded.first_facility_ws, excluded.first_it_ws)
        ) AS r (at_ms, facility_ws, it_ws) ORDER BY r.at_ms, r.facility_ws, r.it_ws LIMIT 1),
    (last_at_ms, last_facility_ws, last_it_ws) = (
        SELECT r.at_ms, r.facility_ws, r.it_ws FROM (VALUES
            (q.last_at_ms, q.last_facility_ws, q.last_it_ws),
            (excluded.last_at_ms, excluded.last_facility_ws, excluded.last_it_ws)
        ) AS r (at_ms, facility_ws, it_ws)
        ORDER BY r.at_ms DESC NULLS LAST, r.facility_ws DESC, r.it_ws DESC LIMIT 1),
    quarter_has_news = true,
    hour_has_news = true

-- name: move_watermarks
-- Time never goes back, however late a frame comes.
INSERT INTO watermark (site_id, observed_at_ms)
SELECT * FROM unnest($1::text[], $2::bigint[])
ON CONFLICT (site_id) DO UPDATE
SET observed_at_ms = greatest(watermark.observed_at_ms, excluded.observed_at_ms)

-- name: ripe_windows
-- Windows with news whose site has gone on a grace ($3) past their end, or that ended before $4.
SELECT DISTINCT site_id, width_ms, start_ms FROM (
    SELECT site_id, $1::bigint AS width_ms, start_ms FROM quarter WHERE quarter_has_news
    UNION ALL
    SELECT site_id, $2::bigint, start_ms - start_ms % $2 FROM quarter WHERE hour_has_news
) AS w
JOIN watermark USING (site_id)
WHERE start_ms + width_ms + $3 <= observed_at_ms OR start_ms + width_ms < $4
ORDER BY site_id, start_ms, width_ms
LIMIT 500

-- name: quarters_between
-- Quarters of one site in order, from $2 up to but without $3.
SELECT site_id, start_ms, frames, power_uws, covered_server_ms, servers,
       first_at_ms, first_facility_ws, first_it_ws, last_at_ms, last_facility_ws, last_it_ws
FROM quarter WHERE site_id = $1 AND start_ms >= $2 AND start_ms < $3 ORDER BY start_ms

-- name: told_quarter
-- The quarter's own window is told.
UPDATE quarter SET quarter_has_news = false WHERE site_id = $1 AND start_ms = $2

-- name: told_hour
-- The hour of these quarters is told.
UPDATE quarter SET hour_has_news = false WHERE site_id = $1 AND start_ms >= $2 AND start_ms < $3

-- name: rollup_of_window
-- What was published last of a window.
SELECT revision, message FROM rollup WHERE site_id = $1 AND start_ms = $2 AND width_ms = $3

-- name: save_rollup
-- A restatement takes the place of what it restates; the log keeps both.
INSERT INTO rollup (site_id, start_ms, width_ms, revision, message) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (site_id, start_ms, width_ms) DO UPDATE
SET revision = excluded.revision, message = excluded.message

-- name: list_rollups
-- A page of a site's windows, by start, then width, behind the last one seen.
SELECT start_ms, width_ms, message FROM rollup
WHERE site_id = $1 AND start_ms >= $2 AND start_ms + width_ms <= $3
  AND (start_ms, width_ms) > ($4, $5)
ORDER BY start_ms, width_ms LIMIT $6

-- name: list_gaps
-- A page of a site's gaps in the order they were recorded.
SELECT id, agent_id, epoch, first_sequence, last_sequence, cause, recorded_at_ms,
       from_ms, to_ms
FROM gap WHERE site_id = $1 AND id > $2 ORDER BY id LIMIT $3

-- name: list_streams
-- Every stream of a site.
SELECT agent_id, epoch, decided_through, accepted, refused, missing, last_observed_at_ms
FROM stream WHERE site_id = $1 ORDER BY agent_id, epoch LIMIT 1000

-- name: inbox_marks
-- How far each partition of a topic is in the database.
SELECT partition, next_offset FROM inbox WHERE topic = $1

-- name: all_sites
-- Everything heard of sites.
SELECT site_id, is_admitted, fingerprints, region, security_grade, carbon_g_per_kwh_by_hour
FROM site ORDER BY site_id

-- name: newest_server_sets
-- The newest $1 revisions of each site, oldest first.
SELECT site_id, revision, racks, rack_index FROM (
    SELECT *, row_number() OVER (PARTITION BY site_id ORDER BY revision DESC) AS age
    FROM server_set
) AS s WHERE age <= $1 ORDER BY site_id, revision

-- name: save_site
-- The record that came last holds.
INSERT INTO site (site_id, is_admitted, fingerprints,
                  region, security_grade, carbon_g_per_kwh_by_hour)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (site_id) DO UPDATE
SET is_admitted = excluded.is_admitted, fingerprints = excluded.fingerprints,
    region = excluded.region, security_grade = excluded.security_grade,
    carbon_g_per_kwh_by_hour = excluded.carbon_g_per_kwh_by_hour

-- name: save_server_set
-- A revision never changes.
INSERT INTO server_set (site_id, revision, racks, rack_index) VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING
