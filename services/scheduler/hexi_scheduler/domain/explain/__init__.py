"""Why a workload waits, from a copy of what all sites have free."""
