"""gRPC as every service speaks it; modules are imported by name, this one stays light."""
