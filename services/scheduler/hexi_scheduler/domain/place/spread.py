"""Spread of a gang over servers, racks and feeds, replica by replica.

A server is in one rack and a rack on one feed, so whichever replica goes first, the most that fit
are found: to choose greedily misses nothing.
"""

from __future__ import annotations

import numpy as np

from hexi_scheduler.domain.layout import Flags, Ints, Layout


class Spread:
    """`allowed` shrinks as replicas are taken: what is full is closed."""

    def __init__(
        self, layout: Layout, allowed: Flags, server_left: Ints, rack_left: Ints, feed_left: Ints
    ) -> None:
        self._layout = layout
        self._left = (server_left, rack_left, feed_left)
        open_racks, open_feeds = rack_left > 0, feed_left > 0
        self.allowed = allowed & (server_left > 0)
        self.allowed &= open_racks[layout.rack_of] & open_feeds[layout.feed_of]

    def take(self, server: int) -> None:
        """A replica goes there."""
        layout, (servers, racks, feeds) = self._layout, self._left
        rack, feed = layout.rack_of[server], layout.feed_of[server]
        for left, number, members in (
            (servers, server, None),
            (racks, rack, layout.rack_of),
            (feeds, feed, layout.feed_of),
        ):
            left[number] -= 1
            if left[number] == 0:
                self.allowed[server if members is None else members == number] = False


def at_most(count: int, most: int) -> Ints:
    """So many counters; 0 bounds nothing."""
    return np.full(count, most or np.iinfo(np.int64).max, np.int64)
