"""Where the servers of a set stand: racks and feeds as columns by server."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from hexi_scheduler.domain.facts import ServerSet

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


class Layout:
    """Racks and feeds are numbered in the order of their names."""

    def __init__(self, known: ServerSet) -> None:
        self.classes = tuple(sorted({server.class_id for server in known.servers}))
        feeds = dict(known.feeds)
        limits = dict(known.rack_limits_w)
        self.racks = tuple(sorted({server.rack for server in known.servers}))
        self.number = {rack: number for number, rack in enumerate(self.racks)}
        self.rack_of = _column([self.number[server.rack] for server in known.servers])
        names = sorted({feeds.get(rack, "") for rack in self.racks})
        feed_of = [names.index(feeds.get(rack, "")) for rack in self.racks]
        self.feeds = len(names)
        self.feed_of = _column(feed_of)[self.rack_of]
        self.limit_w = _column([limits.get(rack, 0) for rack in self.racks])

    def stands_in(self, racks: Collection[str]) -> Flags:
        """Servers in any of these racks; without racks all servers."""
        if not racks:
            return np.ones(len(self.rack_of), np.bool_)
        wanted = np.zeros(len(self.racks), np.bool_)
        wanted[[self.number[rack] for rack in racks if rack in self.number]] = True
        return wanted[self.rack_of]

    def servers_in(self, racks: Collection[str]) -> set[int]:
        return set(np.flatnonzero(self.stands_in(racks)).tolist())


def _column(values: list[int]) -> Ints:
    return np.array(values, np.int64)
