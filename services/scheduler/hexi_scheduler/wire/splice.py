"""Puts wire bytes inside wire bytes, so that a workload is encoded once on its way."""

from __future__ import annotations

LENGTH_DELIMITED = 2
FIELDS_MAX = 32
SHORT = 512


def nested(field: int, body: bytes) -> bytes:
    """One length-delimited field of a message; messages are concatenations of their fields."""
    size = len(body)
    if size < SHORT:
        return _HEADS[field][size] + body
    return _TAGS[field] + _varint(size) + body


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


_TAGS = [_varint(field << 3 | LENGTH_DELIMITED) for field in range(FIELDS_MAX)]
# Tag and length of what is short, which is most.
_HEADS = [[tag + _varint(size) for size in range(SHORT)] for tag in _TAGS]
