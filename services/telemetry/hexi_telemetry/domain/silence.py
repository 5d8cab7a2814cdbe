"""Time nobody measured although no number is missing: the sampler stood still, nothing was lost."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from hexi_telemetry.domain.frame import Frame

# A beat may come a little late; a whole one that is missing takes the distance to two periods.
JUMP_PERIODS = 1.5
RANGES_MAX = 1_024


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

    def hear(self, frame: Frame, stream_heard: Heard) -> Span | None:
        """The time before `frame` that no frame speaks of.

        `stream_heard` stands in for a range that is new, or forgotten by a restart.
        """
        last = self.ranges.get(frame.first_server, stream_heard)
        newest_ms = max(frame.observed_at_ms, last.at_ms)
        if len(self.ranges) >= RANGES_MAX:
            self.ranges.clear()
        self.ranges[frame.first_server] = Heard(newest_ms, frame.sequence)
        is_jump = frame.observed_at_ms - last.at_ms > JUMP_PERIODS * frame.period_ms
        if not last.at_ms or self.hole >= last.sequence or not is_jump:
            return None
        return Span(last.at_ms, frame.observed_at_ms - frame.period_ms)
