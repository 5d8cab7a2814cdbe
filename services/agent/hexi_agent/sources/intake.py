"""What every pushed or scraped reading passes on its way in: a rate, a clock, a count."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from hexi_kit.clock import Clock
from hexi_kit.errors import ResourceExhausted, Unavailable
from hexi_kit.metrics import counter

from hexi_agent.sources.raw import RawReading, Take
from hexi_agent.sources.shape import PageReadings

# A reading of tomorrow would count as the newest until tomorrow.
AHEAD_MS_MAX = 60_000
MILLI = 1_000


class Taken(NamedTuple):
    """How many readings went in; `reason` says what was wrong with the first of the others."""

    taken: int
    rejected: int = 0
    reason: str = ""


class Intake:
    """One per source. A rate of 0 is no bound; a burst of one second is always free."""

    def __init__(self, source: str, clock: Clock, readings_per_s_max: int = 0) -> None:
        self._source, self._clock = source, clock
        self._rate = readings_per_s_max
        self._free = float(readings_per_s_max)
        self._counted_s = clock.real_monotonic_s()
        self._take: Take | None = None

    def connect(self, take: Take) -> None:
        self._take = take

    def admit(self) -> None:
        """Before anything is decoded.

        Raises:
            ResourceExhausted: what came before is more than the rate; says how long to wait.
            Unavailable: nobody takes readings yet.
        """
        if self._take is None:
            raise Unavailable("not taking readings yet")
        if not self._rate:
            return
        now_s = self._clock.real_monotonic_s()
        self._free = min(self._rate, self._free + (now_s - self._counted_s) * self._rate)
        self._counted_s = now_s
        if self._free < 0:
            wait_ms = math.ceil(-self._free / self._rate * MILLI)
            raise ResourceExhausted(f"over {self._rate} readings a second", wait_ms)

    @property
    def latest_ms(self) -> int:
        """A reading of later than this is not believed."""
        return self._clock.now_ms() + AHEAD_MS_MAX

    def offer(self, readings: Sequence[RawReading], rejected: int = 0, reason: str = "") -> Taken:
        """Hands on what may be true; `rejected` were found wrong before. NaN passes: it says that a
        series has ended."""
        self._free -= len(readings) + rejected
        latest_ms = self.latest_ms
        good = _believed(readings, latest_ms)
        if self._take is not None and good:
            self._take(good)
        if len(good) < len(readings):
            rejected += len(readings) - len(good)
            reason = reason or self._wrong(readings, latest_ms)
        if rejected:
            counter("agent.readings_rejected").add(rejected, {"source": self._source})
        return Taken(len(good), rejected, reason)

    def _wrong(self, readings: Sequence[RawReading], latest_ms: int) -> str:
        for one in readings:
            if one.at_ms > latest_ms:
                return f"{one.name[:80]}: its time is ahead of ours"
            if math.isinf(one.value):
                return f"{one.name[:80]}: expected a finite value"
        return ""


def _believed(readings: Sequence[RawReading], latest_ms: int) -> Sequence[RawReading]:
    if isinstance(readings, PageReadings):
        # The values of a page were proved finite when they were read.
        return readings if readings.at_ms <= latest_ms else []
    return [one for one in readings if one.at_ms <= latest_ms and not math.isinf(one.value)]
