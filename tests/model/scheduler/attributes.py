"""What an instance holds, whether its class was compiled or not."""

from __future__ import annotations


def attributes(of: type) -> tuple[str, ...]:
    """mypyc makes members of slots, and names them in an attribute of its own."""
    names: tuple[str, ...] = getattr(of, "__mypyc_attrs__", ()) or of.__dict__["__slots__"]
    return names
