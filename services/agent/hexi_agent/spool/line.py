"""The one place frames pass on their way out: numbered here, waited for here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from hexi_kit.signing import sm3
from hexi_kit.testing import faults

from hexi_agent.domain.spool_record import Mark
from hexi_agent.keys import FrameKeys
from hexi_agent.spool.disk import SpoolLimits
from hexi_agent.spool.streams import Stream, begin_epoch, open_stream


class Line:
    """Owns the current stream of an agent; whoever sends may replace it by a later epoch."""

    def __init__(
        self,
        state_dir: Path,
        agent: tuple[str, str],
        now_ms: int,
        limits: SpoolLimits,
        keys: FrameKeys | None = None,
    ) -> None:
        self._state_dir, self._agent, self._limits = state_dir, agent, limits
        self._keys = keys
        self.stream: Stream = open_stream(state_dir, agent, now_ms, limits)
        self._grown = asyncio.Event()
        if keys is not None and not len(keys) and self.mark.sequence:
            # Nobody could prove the numbers whose key is lost.
            self.begin_epoch(now_ms)

    @property
    def mark(self) -> Mark:
        return self.stream.spool.mark

    def append(self, build: Callable[[int, bytes], bytes], mark: Mark) -> None:
        """Number what `build` makes of (sequence, previous digest); on disk when this returns.

        Of `mark` only the moment and the meters count.
        """
        sequence = self.mark.sequence + 1
        if self._keys is not None:
            spool = self.stream.spool
            self._keys.cover(self.stream.name.epoch, sequence, spool.acked, mark.observed_at_ms)
        frame = build(sequence, self.mark.digest)
        faults.point("agent.before_append")
        self.stream.spool.append(mark._replace(sequence=sequence, digest=sm3(frame)), frame)
        faults.point("agent.after_append")
        self._grown.set()

    def begin_epoch(self, now_ms: int) -> None:
        """Leave numbers behind that somebody else has used; the meters go on."""
        before = self.stream
        before.spool.close()
        later_ms = max(now_ms, before.name.epoch + 1)
        self.stream = begin_epoch(self._state_dir, self._agent, later_ms, self._limits)

    async def grown(self) -> None:
        """Wait until a frame was appended since the last call."""
        await self._grown.wait()
        self._grown.clear()

    def close(self) -> None:
        self.stream.spool.sync()
        self.stream.spool.close()
