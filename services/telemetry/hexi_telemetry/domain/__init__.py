"""What telemetry decides, without waiting for anything."""
