"""The heartbeat: every period each source is read, and each sample becomes a frame on disk."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from hexi_kit.clock import Clock
from hexi_kit.logs import get_logger
from hexi_kit.metrics import gauge

from hexi_agent.domain.physics import Meters
from hexi_agent.domain.spool_record import Mark
from hexi_agent.frame import FrameHead, frame_bytes
from hexi_agent.sources import Sample, Source
from hexi_agent.spool.line import Line

SYNC_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class Beat:
    """Whose frames, and how often."""

    site_id: str
    agent_id: str
    period_ms: int


class Sampler:
    """Reads at whole multiples of the period, so that a restart keeps the beat."""

    def __init__(
        self,
        beat: Beat,
        sources: Sequence[Source],
        line: Line,
        clock: Clock,
        revision: Callable[[], int],
    ) -> None:
        """`revision` is 0 as long as the inventory has not said which servers there are."""
        self._beat, self._sources, self._line = beat, sources, line
        self._clock, self._revision = clock, revision
        mark = line.mark
        self._meters = Meters(mark.observed_at_ms, mark.it_ws, mark.facility_ws)
        self._synced_s = -math.inf

    async def run(self) -> None:
        period_ms = self._beat.period_ms
        while True:
            now_ms = self._clock.now_ms()
            await self._clock.sleep((period_ms - now_ms % period_ms) / 1_000)
            self.take(self._clock.now_ms())

    def take(self, now_ms: int) -> int:
        """One reading of everything; how many frames it made."""
        revision = self._revision()
        if not revision:
            return 0
        frames, before = 0, self._meters
        for source in self._sources:
            for sample in source.read(before, now_ms):
                frames += self._append(sample, revision, now_ms)
        self._sync()
        gauge("agent.spool_bytes").set(self._line.stream.spool.size_bytes)
        return frames

    def _append(self, sample: Sample, revision: int, now_ms: int) -> int:
        self._meters = _later(self._meters, sample.meters)
        meters = self._meters
        mark = Mark(0, now_ms, meters.it_ws, meters.facility_ws)
        try:
            self._line.append(partial(self._build, sample, revision, now_ms), mark)
        except OSError as error:
            # A full disk takes this reading, which got no number; the next may fit again.
            get_logger().error("frame.not_kept", reason=str(error))
            return 0
        return 1

    def _build(
        self, sample: Sample, revision: int, now_ms: int, sequence: int, previous: bytes
    ) -> bytes:
        beat, epoch = self._beat, self._line.stream.name.epoch
        head = FrameHead(
            beat.site_id,
            beat.agent_id,
            epoch,
            sequence,
            revision,
            now_ms,
            beat.period_ms,
            previous,
        )
        return frame_bytes(head, sample)

    def _sync(self) -> None:
        now_s = self._clock.real_monotonic_s()
        if now_s - self._synced_s >= SYNC_EVERY_S:
            self._line.stream.spool.sync()
            self._synced_s = now_s


def _later(before: Meters, now: Meters) -> Meters:
    """Each meter as it was told last; 0 tells nothing."""
    if not now.at_ms:
        return before
    return Meters(
        now.at_ms,
        now.it_ws or before.it_ws,
        now.facility_ws or before.facility_ws,
        now.renewable_ws or before.renewable_ws,
        now.water_ml or before.water_ml,
    )
