"""Translates between messages of the wire and values of the domain."""
