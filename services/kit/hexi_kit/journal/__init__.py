"""A decision topic that is a table: one write, fenced by the broker."""
