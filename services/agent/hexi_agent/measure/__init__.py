"""What a machine can do, measured: the benchmark itself, and the agent's part in it."""
