"""The only place that knows generated messages and domain values both."""
