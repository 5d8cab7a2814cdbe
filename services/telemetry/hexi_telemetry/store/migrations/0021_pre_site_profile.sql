-- Where a site stands, how it is protected, and what its contracted power emits by hour.
ALTER TABLE site
    ADD COLUMN region text NOT NULL DEFAULT '',
    ADD COLUMN security_grade bigint NOT NULL DEFAULT 0,
    ADD COLUMN carbon_g_per_kwh_by_hour bigint[] NOT NULL DEFAULT '{}';

-- What was heard of sites before lacks these: it is heard again from the compacted topic.
DELETE FROM inbox WHERE topic = 'inventory.site.v1';
