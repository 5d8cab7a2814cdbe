"""Time nobody measured although no number is missing: the sampler stood still, nothing was lost."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

# A beat may come a little late; a whole one that is missing takes the distance to two periods.
JUMP_PERIODS = 1.5
RANGES_MAX = 1_024


class Beat(NamedTuple):
    """Whom a frame speaks of, and when."""

    first_server: int
    at_ms: int
    period_ms: int


class Heard(NamedTuple):
    """When a frame spoke and which number it had."""

    at_ms: int
    sequence: int


class Span(NamedTuple):
    """From the last reading before to the beginning of the period the next frame speaks of."""

    from_ms: int
    to_ms: int


@dataclass(slots=True)
class Silence:
    """The last frame of each range of servers of one stream, by its first server.

    `hole` is the highest number whose frame nobody has read: what is missing there has its gap.
    """

    ranges: dict[int, Heard] = field(default_factory=dict)
    hole: int = 0

    def copy(self) -> Silence:
        return Silence(dict(self.ranges), self.hole)

    def hear(self, beat: Beat, sequence: int, stream_heard: Heard) -> Span | None:
        """The time before `beat` that no frame speaks of.

        `stream_heard` stands in for a range that is new.
        """
        last = self.ranges.get(beat.first_server, stream_heard)
        if len(self.ranges) >= RANGES_MAX:
            self.ranges.clear()
        self.ranges[beat.first_server] = Heard(max(beat.at_ms, last.at_ms), sequence)
        is_jump = beat.at_ms - last.at_ms > JUMP_PERIODS * beat.period_ms
        if not last.at_ms or self.hole >= last.sequence or not is_jump:
            return None
        return Span(last.at_ms, beat.at_ms - beat.period_ms)

    def packed(self) -> bytes:
        ranges = [number for first, heard in self.ranges.items() for number in (first, *heard)]
        return np.array([self.hole, *ranges], "<i8").tobytes()


def unpacked(data: bytes) -> Silence:
    """Nothing where nothing was written yet."""
    hole, *numbers = np.frombuffer(data, "<i8").tolist() or [0]
    found = Silence(hole=hole)
    ranges = zip(numbers[0::3], numbers[1::3], numbers[2::3], strict=True)
    found.ranges.update((first, Heard(at_ms, number)) for first, at_ms, number in ranges)
    return found
