-- name: lock_site
-- The newest record of a site, locked until the transaction ends.
SELECT r.site, r.revision, s.state, r.valid_from_ms, r.recorded_at_ms, r.recorded_by
FROM site s JOIN site_revision r USING (site_id, revision)
WHERE s.site_id = $1 FOR UPDATE OF s;

-- name: lock_name
-- A site that is not there yet has no row to lock: its name is locked instead.
SELECT pg_advisory_xact_lock(hashtext('site'), hashtext($1));

-- name: site_revision
-- One revision as it was recorded.
SELECT site, revision, state, valid_from_ms, recorded_at_ms, recorded_by
FROM site_revision WHERE site_id = $1 AND revision = $2;

-- name: site_now
-- The newest revision with today's standing.
SELECT r.site, r.revision, s.state, r.valid_from_ms, r.recorded_at_ms, r.recorded_by
FROM site s JOIN site_revision r USING (site_id, revision) WHERE s.site_id = $1;

-- name: site_at
-- What was known at $3 of what held at $2: of the revisions told by then, the last that had begun.
SELECT r.site, r.revision, coalesce((
        SELECT a.state FROM admission_step a
        WHERE a.site_id = r.site_id AND a.decided_at_ms <= $3 AND a.decided_at_ms <= $2
        ORDER BY a.step DESC LIMIT 1
    ), r.state) AS state, r.valid_from_ms, r.recorded_at_ms, r.recorded_by
FROM site_revision r
WHERE r.site_id = $1 AND r.valid_from_ms <= $2 AND r.recorded_at_ms <= $3
ORDER BY r.valid_from_ms DESC, r.revision DESC LIMIT 1;

-- name: list_sites
-- A page of sites by id.
SELECT r.site, r.revision, s.state, r.valid_from_ms, r.recorded_at_ms, r.recorded_by
FROM site s JOIN site_revision r USING (site_id, revision)
WHERE s.site_id > $1 ORDER BY s.site_id LIMIT $2;

-- name: put_site
-- The newest revision and standing of a site.
INSERT INTO site (site_id, revision, state, changed_at_ms) VALUES ($1, $2, $3, $4)
ON CONFLICT (site_id) DO UPDATE
SET revision = excluded.revision, state = excluded.state, changed_at_ms = excluded.changed_at_ms;

-- name: add_site_revision
-- One revision of facts.
INSERT INTO site_revision
    (site_id, revision, state, valid_from_ms, recorded_at_ms, recorded_by, site)
VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: server_set
-- One revision of a server set; 0 asks for the newest.
SELECT revision, added, removed, changed, recorded_at_ms, recorded_by, server_set
FROM server_set_revision WHERE site_id = $1 AND ($2::bigint = 0 OR revision = $2)
ORDER BY revision DESC LIMIT 1;

-- name: add_server_set
-- One revision of a server set.
INSERT INTO server_set_revision
    (site_id, revision, servers, added, removed, changed, recorded_at_ms, recorded_by, server_set)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: admission
-- One step of admission; 0 asks for the newest.
SELECT step, admission FROM admission_step WHERE site_id = $1 AND ($2::bigint = 0 OR step = $2)
ORDER BY step DESC LIMIT 1;

-- name: add_admission
-- One step of admission.
INSERT INTO admission_step (site_id, step, state, decided_by, decided_at_ms, admission)
VALUES ($1, $2, $3, $4, $5, $6);

-- name: list_admissions
-- A page of steps, oldest first.
SELECT step, admission FROM admission_step WHERE site_id = $1 AND step > $2
ORDER BY step LIMIT $3;

-- name: answered
-- What a request was answered with.
SELECT digest, number FROM request WHERE verb = $1 AND principal = $2 AND key = $3;

-- name: remember
-- A request is answered once; another that took the key first wins.
INSERT INTO request (verb, principal, key, digest, site_id, number)
VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING RETURNING number;

-- name: add_rollups
-- Metered intervals, newest revision wins.
INSERT INTO rollup AS kept
    (site_id, start_ms, end_ms, revision, it_energy_ws, facility_energy_ws, coverage_ppm)
SELECT * FROM unnest(
    $1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::int[])
ON CONFLICT (site_id, start_ms, end_ms) DO UPDATE SET
    revision = excluded.revision,
    it_energy_ws = excluded.it_energy_ws,
    facility_energy_ws = excluded.facility_energy_ws,
    coverage_ppm = excluded.coverage_ppm
WHERE kept.revision < excluded.revision;

-- name: measured_pue
-- PUE of the hours that were metered well, in thousandths rounded up; nothing when none were.
SELECT ceil(sum(facility_energy_ws) * 1000 / sum(it_energy_ws))::bigint
FROM (
    SELECT it_energy_ws, facility_energy_ws FROM rollup
    WHERE site_id = $1 AND coverage_ppm >= 900000
      AND it_energy_ws > 0 AND facility_energy_ws >= it_energy_ws
      AND end_ms - start_ms = 900000
    ORDER BY start_ms DESC LIMIT 2880
) AS month HAVING sum(it_energy_ws) > 0;
