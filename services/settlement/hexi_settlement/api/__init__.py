"""The ledger's door for calls."""
