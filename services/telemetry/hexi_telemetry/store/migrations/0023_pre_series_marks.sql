-- Series begin where the windows stand; from here on a partition without a mark is read from its beginning.
INSERT INTO inbox (topic, partition, next_offset)
SELECT 'telemetry.frame.v1/series', partition, next_offset FROM inbox WHERE topic = 'telemetry.frame.v1'
ON CONFLICT DO NOTHING;
