"""A province on simulated time: the real stages, fleets, traces and faults, one event queue."""
