"""Bounds what one site may push, so that a flooding site costs the others nothing.

Charged is what came over the wire, before anybody looks into it: a flood is not even parsed. A
site over its quota loses its stream, is told when to come back, and waits outside until then.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from hexi_kit.clock import Clock
from hexi_kit.errors import ResourceExhausted
from hexi_kit.metrics import counter

# Who knocks too early or too often is kept standing: an answer would only bring the next knock.
HOLD_S_MAX = 1.0
HELD_MAX = 64
# A site that was refused lately is served evenly, at this many times its quota and no faster.
PACE_TIMES = 2
PACED_S = 30.0
# After a refusal a site comes back to a second's worth of room, not to the first drop of it.
ROOM_S = 1.0


@dataclass(frozen=True, slots=True)
class QuotaLimits:
    """Frames count one by one, however few servers they carry; bytes as they were sent."""

    streams_max: int = 8
    frames_per_s: int = 500
    burst_frames: int = 2_000
    bytes_per_s: int = 16 * 2**20
    burst_bytes: int = 64 * 2**20


@dataclass(slots=True)
class _Bucket:
    per_s: int
    burst: int
    level: float
    filled_s: float

    def lacks_s(self, amount: int, now_s: float) -> float:
        """How long until `amount` fits; nothing is taken."""
        grown = self.level + (now_s - self.filled_s) * self.per_s
        self.level, self.filled_s = min(float(self.burst), grown), now_s
        return (min(amount, self.burst) - self.level) / self.per_s


@dataclass(slots=True)
class _Site:
    """`lock` makes the streams of a site share one turn, as sites share the process."""

    frames: _Bucket
    size: _Bucket
    streams: int = 0
    shut_until_s: float = 0.0
    paced_until_s: float = 0.0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(slots=True)
class Quotas:
    """Two buckets a site, in real time: what is bounded is our work, not theirs."""

    clock: Clock
    limits: QuotaLimits
    _sites: dict[str, _Site] = field(default_factory=dict)

    @asynccontextmanager
    async def stream(self, site_id: str) -> AsyncIterator[None]:
        """Counts an open stream; entered before anything of it is read."""
        site, limits = self._site(site_id), self.limits
        site.streams += 1
        try:
            if site.streams > limits.streams_max:
                if site.streams <= limits.streams_max + HELD_MAX:
                    await self.clock.sleep(HOLD_S_MAX)
                raise _refused(site_id, f"{limits.streams_max} streams, was one more", HOLD_S_MAX)
            shut_s = site.shut_until_s - self.clock.real_monotonic_s()
            if shut_s > 0:
                await self.clock.sleep(min(shut_s, HOLD_S_MAX))
                self._require_open(site_id, site)
            yield
        finally:
            site.streams -= 1

    def take(self, site_id: str, frames: int, size: int) -> None:
        """Charges a batch, or raises with the time after which there is room again."""
        site, now_s = self._site(site_id), self.clock.real_monotonic_s()
        self._require_open(site_id, site)
        lacks_s = max(site.frames.lacks_s(frames, now_s), site.size.lacks_s(size, now_s))
        if lacks_s > 0:
            site.shut_until_s = now_s + lacks_s + ROOM_S
            site.paced_until_s = site.shut_until_s + PACED_S
            limits = self.limits
            quota = f"{limits.frames_per_s} frames and {limits.bytes_per_s} bytes a second"
            raise _refused(site_id, quota, lacks_s + ROOM_S)
        site.frames.level -= frames
        site.size.level -= size

    @asynccontextmanager
    async def turn(self, site_id: str) -> AsyncIterator[None]:
        """Held while a site is worked for: it has one turn, however many its streams."""
        async with self._site(site_id).lock:
            await self.breathe(site_id)
            yield

    async def breathe(self, site_id: str) -> None:
        """Between two pieces of work for a site the others have theirs."""
        is_paced = self.clock.real_monotonic_s() < self._site(site_id).paced_until_s
        await self.clock.sleep(1 / PACE_TIMES / self.limits.frames_per_s if is_paced else 0)

    def _require_open(self, site_id: str, site: _Site) -> None:
        shut_s = site.shut_until_s - self.clock.real_monotonic_s()
        if shut_s > 0:
            raise _refused(site_id, "to come back when it was told to", shut_s)

    def _site(self, site_id: str) -> _Site:
        site = self._sites.get(site_id)
        if site is None:
            limits, now_s = self.limits, self.clock.real_monotonic_s()
            site = self._sites[site_id] = _Site(
                _Bucket(limits.frames_per_s, limits.burst_frames, limits.burst_frames, now_s),
                _Bucket(limits.bytes_per_s, limits.burst_bytes, limits.burst_bytes, now_s),
            )
        return site


def _refused(site_id: str, expected: str, wait_s: float) -> ResourceExhausted:
    counter("telemetry.quota_refusals").add(1, {"site": site_id})
    reason = f"site {site_id}: expected at most {expected}"
    return ResourceExhausted(reason, int(wait_s * 1_000) + 1)
