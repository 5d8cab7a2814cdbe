"""ROUTE: which site gets a workload, and when."""
