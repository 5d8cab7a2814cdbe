"""The scheduler's meaning: pure steps over values, no clock, no waiting."""
