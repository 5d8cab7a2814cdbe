"""Verbs of the ledger: write commands together, close months, look after whose money it is."""
