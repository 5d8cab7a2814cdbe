"""Kafka as services see it: records, events out, verdicts in."""
