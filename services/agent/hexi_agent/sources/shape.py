"""Readings of a page whose series come again and again: told by their shape, not one by one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from hexi_agent.sources.raw import RawReading


class RawSeries(NamedTuple):
    """Of which a value is read; an empty `subject` is that of the page."""

    subject: str
    name: str
    labels: tuple[tuple[str, str], ...]


class Shape:
    """Series in their order; equal only to itself, so that who knows it looks at none of them."""

    __slots__ = ("__weakref__", "series")

    def __init__(self, series: Sequence[RawSeries]) -> None:
        self.series = series


class PageReadings(Sequence[RawReading]):
    """What a page of a known shape says of one moment; whoever asks sees readings as any other."""

    __slots__ = ("at_ms", "shape", "values", "whose")

    def __init__(
        self, whose: tuple[str, str], shape: Shape, values: NDArray[np.float64], at_ms: int
    ) -> None:
        """`whose` names the source and the subject; each value is finite."""
        self.whose, self.shape, self.values, self.at_ms = whose, shape, values, at_ms

    def some(self, places: Iterable[int]) -> list[RawReading]:
        """In the order of these places."""
        (source, whose), series, at_ms = self.whose, self.shape.series, self.at_ms
        found = ((series[place], float(self.values[place])) for place in places)
        return [
            RawReading(source, one.subject or whose, one.name, one.labels, value, "", at_ms)
            for one, value in found
        ]

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[RawReading]:
        return iter(self.some(range(len(self))))

    @overload
    def __getitem__(self, place: int) -> RawReading: ...
    @overload
    def __getitem__(self, place: slice) -> list[RawReading]: ...
    def __getitem__(self, place: int | slice) -> RawReading | list[RawReading]:
        if isinstance(place, slice):
            return self.some(range(len(self))[place])
        return self.some([place])[0]
