"""What a site has learned of the work that comes: the mix of shapes, and prices by pool."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from hexi_scheduler.domain.workload import Demand, Resources


class Shape(NamedTuple):
    """What packing sees of a replica: all but its memory."""

    cpu_milli: int
    accelerators: int
    device_milli: int
    models: tuple[str, ...] = ()


class Seen(NamedTuple):
    """A shape, how often it came (decayed), and how often when worth was last reckoned anew."""

    shape: Shape
    came: int
    weight: int = 0


class Bid(NamedTuple):
    """What using a pool costs: thousandths of a milli-device, per milli-device and milli-vCPU."""

    class_id: str
    executor: str
    device: int
    cpu: int
    device_milli_free: int = 0  # when it was reckoned


class MixLearned(NamedTuple):
    """All arrivals before `until_ms`, folded; a value that replaces the one before.

    With the rules it is all that decides beside the state, so that a rebuilt site decides alike.
    Prices change each time; worth, with a new generation.
    """

    until_ms: int
    arrivals: int = 0  # ever folded
    seen: tuple[Seen, ...] = ()
    bids: tuple[Bid, ...] = ()
    generation: int = 0
    generation_arrivals: int = 0
    device_values: tuple[tuple[int, int], ...] = ()  # share in milli, and its worth
    watt_worth: int = 0  # at the fill of then


class Arrivals:
    """Work that came since the mix was learned, by the millisecond: a rebuild finds the same."""

    __slots__ = (
        "_came",
        "_newest",
        "newest_ms",
        "older",
    )

    def __init__(self) -> None:
        self.newest_ms = 0
        self._newest = 0
        self.older = 0
        self._came: dict[int, dict[Resources, int]] = {}

    def count(self, demand: Demand, at_ms: int) -> None:
        asked, replicas = demand.resources, demand.replicas
        then = self._came.get(at_ms)
        if then is None:
            then = self._came[at_ms] = {}
        then[asked] = then.get(asked, 0) + replicas
        self._note(at_ms, replicas)

    def oldest_ms(self) -> int | None:
        return min(self._came, default=None)

    def before(self, until_ms: int) -> int:
        """How many came before then, as long as nothing came later than then."""
        return self.older + (self._newest if self.newest_ms < until_ms else 0)

    def shapes_before(self, until_ms: int) -> Iterable[tuple[Shape, int]]:
        for at_ms, came in self._came.items():
            if at_ms < until_ms:
                yield from ((_shape(asked), n) for asked, n in came.items())

    def fold(self, until_ms: int) -> None:
        """Forget what came before then."""
        left = {at_ms: came for at_ms, came in self._came.items() if at_ms >= until_ms}
        self._came, self.newest_ms, self._newest, self.older = left, 0, 0, 0
        for at_ms, came in left.items():
            self._note(at_ms, sum(came.values()))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Arrivals) and self._came == other._came

    __hash__ = None  # type: ignore[assignment]  # it changes

    def _note(self, at_ms: int, count: int) -> None:
        if at_ms > self.newest_ms:
            self.older += self._newest
            self.newest_ms, self._newest = at_ms, count
        elif at_ms == self.newest_ms:
            self._newest += count
        else:
            self.older += count


def _shape(asked: Resources) -> Shape:
    if not asked.accelerators:
        return Shape(asked.cpu_milli, 0, 0)
    return Shape(asked.cpu_milli, asked.accelerators, asked.device_milli, asked.models)
