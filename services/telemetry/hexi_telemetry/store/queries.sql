-- name: newest_stream
-- The stream of the highest epoch of one agent.
SELECT epoch, decided_through, head, accepted, refused, missing, last_observed_at_ms, silence
FROM stream WHERE site_id = $1 AND agent_id = $2 ORDER BY epoch DESC LIMIT 1

-- name: ahead_of_stream
-- What the log has beyond the ledger.
SELECT sequence, digest, first_server, observed_at_ms, period_ms FROM ahead
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
                         $6::bytea[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[],
                         $11::bytea[])
        AS n (site_id, agent_id, epoch, decided_through, was_decided_through,
              head, accepted, refused, missing, last_observed_at_ms, silence)
), saved AS (
    INSERT INTO stream AS s (site_id, agent_id, epoch, decided_through, head,
                             accepted, refused, missing, last_observed_at_ms, silence)
    SELECT site_id, agent_id, epoch, decided_through, head,
           accepted, refused, missing, last_observed_at_ms, silence FROM new
    ON CONFLICT (site_id, agent_id, epoch) DO UPDATE
    SET decided_through = excluded.decided_through, head = excluded.head,
        accepted = excluded.accepted, refused = excluded.refused, missing = excluded.missing,
        last_observed_at_ms = excluded.last_observed_at_ms, silence = excluded.silence
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
INSERT INTO ahead (site_id, agent_id, epoch, sequence, digest, first_server, observed_at_ms, period_ms)
SELECT f.site_id, f.agent_id, f.epoch, f.sequence, f.digest, f.first_server, f.observed_at_ms, f.period_ms
FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bytea[], $6::bigint[], $7::bigint[],
            $8::bigint[])
    AS f (site_id, agent_id, epoch, sequence, digest, first_server, observed_at_ms, period_ms)
LEFT JOIN stream AS s USING (site_id, agent_id, epoch)
WHERE f.sequence > coalesce(s.decided_through, 0)
ON CONFLICT DO NOTHING

-- name: add_cells
-- Points are appended as they come, up to $4 bytes; copies do not matter.
INSERT INTO cell AS c (site_id, start_ms, points)
SELECT * FROM unnest($1::text[], $2::bigint[], $3::bytea[])
ON CONFLICT (site_id, start_ms) DO UPDATE SET points = c.points || excluded.points, has_news = true
WHERE octet_length(c.points) < $4

-- name: move_watermarks
-- Time never goes back, however late a frame comes.
INSERT INTO watermark (site_id, observed_at_ms)
SELECT * FROM unnest($1::text[], $2::bigint[])
ON CONFLICT (site_id) DO UPDATE
SET observed_at_ms = greatest(watermark.observed_at_ms, excluded.observed_at_ms)

-- name: hold_sites
-- Watermarks of the sites $1, or of all that have news; whoever closes them meanwhile waits.
SELECT site_id, observed_at_ms FROM watermark
WHERE CASE WHEN $1::text[] IS NULL
      THEN site_id IN (SELECT site_id FROM cell WHERE has_news
                       UNION SELECT site_id FROM rollup WHERE has_news)
      ELSE site_id = ANY ($1) END
ORDER BY site_id FOR UPDATE

-- name: fresh_minutes
-- Minutes ($3) with news that ended by the site's moment.
SELECT c.site_id, c.start_ms FROM unnest($1::text[], $2::bigint[]) AS s (site_id, ripe_ms)
JOIN cell AS c ON c.site_id = s.site_id AND c.has_news AND c.start_ms + $3 <= s.ripe_ms
ORDER BY c.site_id, c.start_ms LIMIT $4

-- name: cells_beside
-- The nearest minutes with points before $2 and after $3; themselves where there are none.
SELECT coalesce((SELECT max(start_ms) FROM cell WHERE site_id = $1 AND start_ms < $2), $2)
           AS before_ms,
       coalesce((SELECT min(start_ms) FROM cell WHERE site_id = $1 AND start_ms > $3), $3)
           AS after_ms

-- name: cells_around
-- Points from $2 up to $3, and of the nearest minute with points on either side.
SELECT points FROM cell WHERE site_id = $1
  AND start_ms >= coalesce((SELECT max(start_ms) FROM cell
                            WHERE site_id = $1 AND start_ms < $2), $2)
  AND start_ms <= coalesce((SELECT min(start_ms) FROM cell
                            WHERE site_id = $1 AND start_ms >= $3), $3)
ORDER BY start_ms

-- name: told_cells
-- Their minutes are closed.
UPDATE cell AS c SET has_news = false
FROM unnest($1::text[], $2::bigint[]) AS w (site_id, start_ms)
WHERE c.site_id = w.site_id AND c.start_ms = w.start_ms

-- name: ripe_windows
-- Windows of width $4 that ended by the site's moment and whose parts of width $3 have news; days
-- begin $5 before those of UTC.
SELECT site_id, start_ms FROM (
    SELECT DISTINCT r.site_id, s.ripe_ms, r.start_ms - (r.start_ms + $5) % $4 AS start_ms
    FROM unnest($1::text[], $2::bigint[]) AS s (site_id, ripe_ms)
    JOIN rollup AS r ON r.site_id = s.site_id AND r.width_ms = $3 AND r.has_news
) AS w
WHERE start_ms + $4 <= ripe_ms ORDER BY site_id, start_ms LIMIT $6

-- name: parts_of_windows
-- The accounts of width $4 inside each window, in order.
SELECT w.site_id, w.start_ms AS window_ms, w.width_ms, r.start_ms, r.account
FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS w (site_id, start_ms, width_ms)
JOIN rollup AS r ON r.site_id = w.site_id AND r.width_ms = $4 AND r.account <> ''
     AND r.start_ms >= w.start_ms AND r.start_ms < w.start_ms + w.width_ms
ORDER BY w.site_id, w.start_ms, r.start_ms

-- name: told_windows
-- The parts of width $4 are taken in by these windows.
UPDATE rollup AS r SET has_news = false
FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS w (site_id, start_ms, width_ms)
WHERE r.site_id = w.site_id AND r.width_ms = $4 AND r.has_news
  AND r.start_ms >= w.start_ms AND r.start_ms < w.start_ms + w.width_ms

-- name: rollups_of_windows
-- What was said last of each window.
SELECT r.site_id, r.start_ms, r.width_ms, r.revision, r.message, r.account
FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS w (site_id, start_ms, width_ms)
JOIN rollup AS r USING (site_id, start_ms, width_ms)

-- name: save_rollups
-- A restatement takes the place of what it restates; the log keeps both. Nothing is wider than $7.
INSERT INTO rollup (site_id, start_ms, width_ms, revision, message, account, has_news)
SELECT *, r.width_ms < $7 FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[],
    $5::bytea[], $6::bytea[]) AS r (site_id, start_ms, width_ms, revision, message, account)
ON CONFLICT (site_id, start_ms, width_ms) DO UPDATE
SET revision = excluded.revision, message = excluded.message, account = excluded.account,
    has_news = excluded.has_news

-- name: agreements
-- How servers and IT meters stood to each other at first.
SELECT site_id, revision, pairs FROM agreement WHERE site_id = ANY ($1)

-- name: agree
-- The first sound hour of a server set holds.
INSERT INTO agreement (site_id, revision, pairs) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING

-- name: forget_cells
-- No frame is taken any more that would change these.
DELETE FROM cell WHERE start_ms < $1

-- name: forget_minutes
-- What cells say no more cannot be said again.
DELETE FROM rollup WHERE start_ms < $1 AND width_ms = $2

-- name: list_rollups
-- A page of a site's windows, by start, then width, behind the last one seen; of width $7, or of
-- all that are published.
SELECT start_ms, width_ms, message FROM rollup
WHERE site_id = $1 AND start_ms >= $2 AND start_ms + width_ms <= $3
  AND (start_ms, width_ms) > ($4, $5)
  AND CASE WHEN $7 > 0 THEN width_ms = $7 ELSE width_ms > 60000 END
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
