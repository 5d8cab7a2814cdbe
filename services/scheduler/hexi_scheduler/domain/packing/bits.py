"""Devices of a server as compiled code takes them: one bit each."""

from __future__ import annotations

from functools import lru_cache

SETS_MAX = 4_096


@lru_cache(SETS_MAX)
def bits_of(devices: tuple[int, ...]) -> int:
    return sum(1 << device for device in devices)


@lru_cache(SETS_MAX)
def devices_of(bits: int) -> tuple[int, ...]:
    return tuple(device for device in range(bits.bit_length()) if bits >> device & 1)
