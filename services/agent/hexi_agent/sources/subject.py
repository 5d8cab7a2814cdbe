"""The machine that an address speaks of."""

from __future__ import annotations


def host_of(address: str) -> str:
    """`node7` of `node7:9100`, `fe80::1` of `[fe80::1]:9100`; what has no port stays as it is."""
    if address.startswith("["):
        return address[1:].partition("]")[0]
    host, _, port = address.partition(":")
    return host if port.isdigit() else address
