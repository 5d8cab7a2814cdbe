"""The ledger's door for what other services tell."""
