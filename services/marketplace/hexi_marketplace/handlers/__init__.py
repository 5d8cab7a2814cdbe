"""The verbs of the marketplace."""
