"""Watches the racks of a site for silence, by the time of their own frames."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Times = NDArray[np.int64]
Flags = NDArray[np.bool_]
Indexes = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class RackMap:
    """Which rack each server of one revision stands in."""

    site_id: str
    revision: int
    racks: tuple[str, ...]
    rack_of: Indexes

    def racks_of(self, first_server: int, count: int) -> tuple[str, ...]:
        found = np.unique(self.rack_of[first_server : first_server + count])
        return tuple(sorted(self.racks[i] for i in found))


@dataclass(frozen=True, slots=True)
class Reading:
    """One frame as far as silence goes: which of its servers gave a good reading, and when."""

    site_id: str
    revision: int
    observed_at_ms: int
    period_ms: int
    first_server: int
    good: Flags


@dataclass(frozen=True, slots=True)
class Silence:
    """A rack that fell silent; `since_ms` is its last good reading."""

    site_id: str
    rack: str
    since_ms: int
    noticed_at_ms: int


@dataclass(frozen=True, slots=True)
class Watch:
    """Last good reading of each rack; 0 means none yet, and such a rack is not watched."""

    racks: RackMap
    last_good_ms: Times
    silent: Flags
    newest_ms: int = 0

    @classmethod
    def begin(cls, racks: RackMap, before: Watch | None = None) -> Watch:
        """Watch a revision; racks that were there before keep what is known of them."""
        last_good_ms = np.zeros(len(racks.racks), np.int64)
        silent = np.zeros(len(racks.racks), np.bool_)
        if before is not None:
            known = {rack: i for i, rack in enumerate(before.racks.racks)}
            for i, rack in enumerate(racks.racks):
                if rack in known:
                    last_good_ms[i] = before.last_good_ms[known[rack]]
                    silent[i] = before.silent[known[rack]]
        return cls(racks, last_good_ms, silent, before.newest_ms if before else 0)

    def read(self, reading: Reading, periods: int) -> tuple[Watch, tuple[Silence, ...]]:
        """The watch after a frame, and the racks that are newly silent by it.

        A rack is silent once it gave nothing good for `periods` while another of the site did.
        """
        end = reading.first_server + len(reading.good)
        if reading.revision != self.racks.revision or end > len(self.racks.rack_of):
            return self, ()
        last_good_ms = self.last_good_ms.copy()
        seen = np.unique(self.racks.rack_of[reading.first_server : end][reading.good])
        last_good_ms[seen] = np.maximum(last_good_ms[seen], reading.observed_at_ms)
        newest_ms = max(self.newest_ms, reading.observed_at_ms)
        alive = last_good_ms >= newest_ms - periods * reading.period_ms
        late = (last_good_ms > 0) & ~alive
        new = late & ~self.silent if alive.any() else np.zeros_like(late)
        fallen = tuple(
            Silence(self.racks.site_id, self.racks.racks[i], int(last_good_ms[i]), newest_ms)
            for i in np.flatnonzero(new)
        )
        silent = (self.silent & ~alive) | new
        return replace(self, last_good_ms=last_good_ms, silent=silent, newest_ms=newest_ms), fallen
