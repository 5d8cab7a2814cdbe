-- What agents measured of links and machines.

-- name: join_mesh
-- Its own agent goes on; another one takes over when the first has been silent since $6.
INSERT INTO mesh_member AS m (site_id, agent_id, address, public_key, seen_at_ms)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (site_id) DO UPDATE
SET agent_id = excluded.agent_id, address = excluded.address,
    public_key = excluded.public_key, seen_at_ms = excluded.seen_at_ms
WHERE m.agent_id = excluded.agent_id OR m.seen_at_ms < $6
RETURNING agent_id

-- name: member_of
-- Who answers for a site.
SELECT agent_id FROM mesh_member WHERE site_id = $1

-- name: members_since
-- Everybody who was seen lately.
SELECT site_id, agent_id, address, public_key FROM mesh_member
WHERE seen_at_ms >= $1 ORDER BY site_id LIMIT 1000

-- name: save_reports
-- A later window takes the place of the one before.
INSERT INTO mesh_report AS r (site_id, peer_site_id, min_us, p50_us, p99_us,
                              samples, lost, reported_at_ms)
SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[],
                     $6::bigint[], $7::bigint[], $8::bigint[])
ON CONFLICT (site_id, peer_site_id) DO UPDATE
SET min_us = excluded.min_us, p50_us = excluded.p50_us, p99_us = excluded.p99_us,
    samples = excluded.samples, lost = excluded.lost, reported_at_ms = excluded.reported_at_ms

-- name: reports_since
-- All that is not older.
SELECT site_id, peer_site_id, min_us, p50_us, p99_us, samples, lost, reported_at_ms
FROM mesh_report WHERE reported_at_ms > $1

-- name: save_vector
-- A report that is sent again changes nothing.
INSERT INTO compute_vector AS v (site_id, subject, server, placement_id, message)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (site_id, subject, server) DO UPDATE
SET placement_id = excluded.placement_id, message = excluded.message
WHERE v.placement_id <> excluded.placement_id

-- name: measured_sites
-- Sites that have vectors.
SELECT DISTINCT site_id FROM compute_vector

-- name: vectors_of
-- Of one site.
SELECT message FROM compute_vector WHERE site_id = $1 ORDER BY subject, server

-- name: hours_since
-- Closed hours of one site, or of all where none is named.
SELECT site_id, message FROM rollup
WHERE width_ms = 3600000 AND start_ms >= $1 AND ($2 = '' OR site_id = $2)
ORDER BY site_id, start_ms

-- name: decided_frames
-- Over all streams of a site.
SELECT coalesce(sum(accepted), 0)::bigint AS accepted, coalesce(sum(refused), 0)::bigint AS refused
FROM stream WHERE site_id = $1

-- name: published_measure
-- What was told last of a site.
SELECT revision, message FROM measure WHERE site_id = $1 FOR UPDATE

-- name: save_measure
-- The newest takes the place of the one before; the compacted topic keeps it too.
INSERT INTO measure (site_id, revision, message) VALUES ($1, $2, $3)
ON CONFLICT (site_id) DO UPDATE
SET revision = excluded.revision, message = excluded.message

-- name: list_measures
-- A page of what was told last, by site, behind the last one seen.
SELECT message FROM measure
WHERE ($1 = '' OR site_id = $1) AND site_id > $2 ORDER BY site_id LIMIT $3
