"""Schema changes of telemetry, in order."""
