"""What OpenTelemetry's exporters and collectors push."""
