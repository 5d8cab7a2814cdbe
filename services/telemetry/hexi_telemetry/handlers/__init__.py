"""What telemetry does, one transaction a verb."""
