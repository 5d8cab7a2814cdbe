"""The only place that knows both the generated messages and the values of the domain."""
