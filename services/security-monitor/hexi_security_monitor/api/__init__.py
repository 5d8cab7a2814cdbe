"""The SOC's gRPC door."""
