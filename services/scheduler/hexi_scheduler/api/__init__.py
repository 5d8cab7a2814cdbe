"""The gRPC door of the scheduler."""
