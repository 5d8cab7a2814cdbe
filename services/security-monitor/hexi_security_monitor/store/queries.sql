-- name: count
-- Add verdicts of one topic.
INSERT INTO account AS a (topic, matched, unmatched, refused, shed) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (topic) DO UPDATE SET
    matched = a.matched + excluded.matched,
    unmatched = a.unmatched + excluded.unmatched,
    refused = a.refused + excluded.refused,
    shed = a.shed + excluded.shed;

-- name: accounts
-- What became of everything heard.
SELECT topic, matched, unmatched, refused, shed FROM account ORDER BY topic;

-- name: refuse
-- One refused record; nothing comes back when it was refused before.
INSERT INTO refusal (topic, partition, record_offset, reason, refused_at_ms)
VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING RETURNING record_offset;

-- name: site
-- What is known of a site.
SELECT security_grade, state_owned_cloud, admitted FROM site WHERE site_id = $1;

-- name: put_site
-- The newest facts of a site.
INSERT INTO site (site_id, security_grade, state_owned_cloud, admitted) VALUES ($1, $2, $3, $4)
ON CONFLICT (site_id) DO UPDATE SET
    security_grade = excluded.security_grade,
    state_owned_cloud = excluded.state_owned_cloud,
    admitted = excluded.admitted;

-- name: rack_map
-- The racks of one revision; 0 asks for the newest.
SELECT site_id, revision, racks, rack_of FROM rack_map
WHERE site_id = $1 AND ($2::bigint = 0 OR revision = $2) ORDER BY revision DESC LIMIT 1;

-- name: put_rack_map
-- A revision never changes.
INSERT INTO rack_map (site_id, revision, racks, rack_of) VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING;

-- name: watch
-- The watch over a site's newest revision.
SELECT w.last_good_ms, w.silent, w.newest_ms, m.site_id, m.revision, m.racks, m.rack_of
FROM watch w JOIN rack_map m USING (site_id, revision) WHERE w.site_id = $1;

-- name: put_watch
-- The watch over a site.
INSERT INTO watch (site_id, revision, last_good_ms, silent, newest_ms) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (site_id) DO UPDATE SET
    revision = excluded.revision,
    last_good_ms = excluded.last_good_ms,
    silent = excluded.silent,
    newest_ms = excluded.newest_ms;

-- name: rule_window
-- Events of a group that wait for more.
SELECT times_ms, uids FROM rule_window WHERE rule_id = $1 AND group_key = $2 FOR UPDATE;

-- name: put_rule_window
-- Events of a group that wait for more.
INSERT INTO rule_window (rule_id, group_key, times_ms, uids, newest_ms)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (rule_id, group_key) DO UPDATE SET
    times_ms = excluded.times_ms, uids = excluded.uids, newest_ms = excluded.newest_ms;

-- name: drop_rule_window
-- A window without events is no row.
DELETE FROM rule_window WHERE rule_id = $1 AND group_key = $2;

-- name: drop_old_windows
-- Windows nobody added to for long hold nothing that can still count.
DELETE FROM rule_window WHERE newest_ms < $1;

-- name: newest_incident
-- The last incident of a site under a rule.
SELECT * FROM incident WHERE site_id = $1 AND rule_id = $2
ORDER BY opened_at_ms DESC, incident_id DESC LIMIT 1 FOR UPDATE;

-- name: lock_incident
-- One incident, locked.
SELECT * FROM incident WHERE incident_id = $1 FOR UPDATE;

-- name: incident
-- One incident.
SELECT * FROM incident WHERE incident_id = $1;

-- name: open_incidents
-- How many are not closed.
SELECT count(*) FROM incident WHERE state < 4;

-- name: put_incident
-- An incident as it stands; $10 says whether it is told again.
INSERT INTO incident AS i
    (incident_id, site_id, rule_id, title, severity, state, opened_at_ms, findings, details,
     tellings)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::int)
ON CONFLICT (incident_id) DO UPDATE SET
    severity = excluded.severity,
    state = excluded.state,
    findings = excluded.findings,
    details = excluded.details,
    tellings = i.tellings + excluded.tellings
RETURNING tellings;

-- name: list_incidents
-- A page of incidents, newest first, from the place of the one named in $3.
SELECT i.* FROM incident i
LEFT JOIN incident last ON last.incident_id = $3
WHERE ($1 = '' OR i.site_id = $1) AND (NOT $2::boolean OR i.state < 4)
  AND ($3 = '' OR (i.opened_at_ms, i.incident_id) < (last.opened_at_ms, last.incident_id))
ORDER BY i.opened_at_ms DESC, i.incident_id DESC LIMIT $4;

-- name: add_finding
-- A finding; nothing comes back when it was made before.
INSERT INTO finding (finding_id, incident_id, time_ms, document) VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING RETURNING finding_id;

-- name: finding_ids
-- Findings of incidents, oldest first.
SELECT incident_id, array_agg(finding_id ORDER BY time_ms, finding_id) AS ids
FROM finding WHERE incident_id = ANY($1::text[]) GROUP BY incident_id;

-- name: finding_documents
-- Findings of one incident as they were published.
SELECT document FROM finding WHERE incident_id = $1 ORDER BY time_ms, finding_id LIMIT $2;

-- name: directive_ids
-- Directives of incidents, oldest first.
SELECT incident_id, array_agg(directive_id ORDER BY issued_at_ms, directive_id) AS ids
FROM directive WHERE incident_id = ANY($1::text[]) GROUP BY incident_id;

-- name: directive
-- One directive, locked.
SELECT * FROM directive WHERE directive_id = $1 FOR UPDATE;

-- name: active_directives
-- Quarantines in force at a site.
SELECT * FROM directive WHERE site_id = $1 AND active ORDER BY directive_id;

-- name: put_directive
-- A directive as it stands.
INSERT INTO directive
    (directive_id, site_id, racks, active, automatic, reason, incident_id, issued_by, issued_at_ms)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (directive_id) DO UPDATE SET
    active = excluded.active,
    reason = excluded.reason,
    issued_by = excluded.issued_by,
    issued_at_ms = excluded.issued_at_ms;

-- name: answered
-- What a request was answered with.
SELECT digest, answer_id FROM request WHERE verb = $1 AND principal = $2 AND key = $3;

-- name: remember
-- A request is answered once; another that took the key first wins.
INSERT INTO request (verb, principal, key, digest, answer_id) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING RETURNING answer_id;

-- name: drop_old_rack_maps
-- Events speak of revisions that are in use; the watch keeps the newest.
DELETE FROM rack_map m WHERE m.site_id = $1 AND m.revision < $2
  AND NOT EXISTS (SELECT 1 FROM watch w WHERE (w.site_id, w.revision) = (m.site_id, m.revision));
