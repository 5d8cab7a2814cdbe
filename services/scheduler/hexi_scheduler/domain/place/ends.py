"""When live work ends at the latest, by name; the next to end are found without sorting all."""

from __future__ import annotations

import numpy as np

from hexi_scheduler.domain.place.leases import FOREVER_MS

FIRST_SIZE = 64


class Ends:
    """A column that grows; a slot is used again once its work is gone."""

    def __init__(self) -> None:
        self._slots: dict[str, int] = {}
        self._names: list[str] = []
        self._vacant: list[int] = []
        self._end_ms = np.full(FIRST_SIZE, FOREVER_MS, np.int64)

    def __contains__(self, name: str) -> bool:
        return name in self._slots

    def __len__(self) -> int:
        return len(self._slots)

    def put(self, name: str, end_ms: int) -> None:
        """`FOREVER_MS`: nobody knows."""
        slot = self._slots.get(name)
        if slot is None:
            slot = self._slots[name] = self._vacant.pop() if self._vacant else self._grow()
            self._names[slot] = name
        self._end_ms[slot] = end_ms

    def drop(self, name: str) -> None:
        slot = self._slots.pop(name)
        self._end_ms[slot] = FOREVER_MS
        self._vacant.append(slot)

    def earliest(self, most: int) -> list[tuple[int, str]]:
        """The next to end, in that order, then by name; those of unknown end are left out."""
        ends = self._end_ms
        slots = np.flatnonzero(ends < FOREVER_MS)
        if len(slots) > most:
            # Equal ends go by name, so all of them take part.
            last_ms = np.partition(ends[slots], most - 1)[most - 1]
            slots = slots[ends[slots] <= last_ms]
        names = [self._names[slot] for slot in slots.tolist()]
        return sorted(zip(ends[slots].tolist(), names, strict=True))[:most]

    def _grow(self) -> int:
        if len(self._names) == len(self._end_ms):
            more = np.full(len(self._end_ms), FOREVER_MS, np.int64)
            self._end_ms = np.concatenate([self._end_ms, more])
        self._names.append("")
        return len(self._names) - 1
