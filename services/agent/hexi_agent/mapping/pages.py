"""Remembers where the readings of a page went: the next of its shape goes there at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple
from weakref import WeakKeyDictionary

from hexi_agent.mapping.series import Series, Some, some
from hexi_agent.sources.raw import RawReading
from hexi_agent.sources.shape import PageReadings, Shape

# The slots that a reading goes into.
Placed = Callable[[RawReading], Sequence[int]]


class _Way(NamedTuple):
    """`places`: which value of the page goes into each slot; `others` go into none."""

    ended: int
    places: Some
    slots: Some
    others: list[int]


class Pages:
    """Forgets with the shape, or when a series of any page has ended."""

    def __init__(self, series: Series) -> None:
        self._series = series
        # By the shape, which pages that are alike share, and whose page it is.
        self._ways: WeakKeyDictionary[Shape, dict[tuple[str, str], _Way]] = WeakKeyDictionary()

    def hear(self, page: PageReadings, until_ms: int) -> Sequence[RawReading]:
        """What is left, to be taken one by one: all of it if nothing is remembered."""
        way = self._ways.get(page.shape, {}).get(page.whose)
        if way is None or way.ended != self._series.ended:
            return page
        values = page.values[way.places]
        if not self._series.hear_all(way.slots, values, page.at_ms, until_ms):
            return page
        return page.some(way.others) if way.others else ()

    def learn(self, page: PageReadings, placed: Placed) -> None:
        """After its readings were taken one by one."""
        found, others = dict[int, int](), list[int]()
        for place, reading in enumerate(page):
            ways = placed(reading)
            # The second of two that go into one slot is told as late, every time.
            if not ways or any(slot in found for slot in ways):
                others.append(place)
            else:
                found.update((slot, place) for slot in ways)
        places, slots = some(list(found.values())), some(list(found))
        way = _Way(self._series.ended, places, slots, others)
        self._ways.setdefault(page.shape, {})[page.whose] = way
