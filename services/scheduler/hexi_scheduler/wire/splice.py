"""Puts wire bytes inside wire bytes, so that a workload is encoded once on its way."""

from __future__ import annotations

LENGTH_DELIMITED = 2


def nested(field: int, body: bytes) -> bytes:
    """One length-delimited field of a message; messages are concatenations of their fields."""
    return _varint(field << 3 | LENGTH_DELIMITED) + _varint(len(body)) + body


def _varint(value: int) -> bytes:
    if value < 0x80:
        return _SMALL[value]
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


_SMALL = [bytes([value]) for value in range(0x80)]
