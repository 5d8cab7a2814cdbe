"""hexi_telemetry."""
