"""Numbers out of what an SNMP agent says of an object."""

from __future__ import annotations

import struct
from collections.abc import Callable

from hexi_agent.sources.findings import Finding
from hexi_agent.sources.snmp.options import Object

# What an agent said: a whole number, bytes, or None where it has no such object.
Said = int | bytes | None
TEXT_BYTES_MAX = 64
# Net-SNMP puts floats into Opaque so.
_OPAQUE = {b"\x9f\x78\x04": ">f", b"\x9f\x79\x08": ">d"}


def number_of(
    wanted: Object, said: Said, stands: Callable[[float], float] = float
) -> float | Finding | None:
    """None where the agent itself knows nothing; `stands` is told what it says."""
    if said is None:
        return Finding("not-there", wanted.oid, "no such object")
    raw = float(said) if isinstance(said, int) and abs(said) < 2**64 else _read(said)
    if raw is None or raw - raw != 0:
        return Finding("not-a-number", wanted.oid, f"expected a number, was {said!r:.60}")
    if raw in wanted.invalid:
        return None
    return wanted.offset + wanted.scale * stands(raw)


def _read(said: int | bytes) -> float | None:
    """Many agents write decimals as text."""
    if isinstance(said, int) or len(said) > TEXT_BYTES_MAX:
        return None
    form = _OPAQUE.get(said[:3])
    try:
        if form is not None:
            return float(struct.unpack(form, said[3:])[0])
        return float(said.decode("ascii").strip())
    except (ValueError, struct.error):
        return None
