"""Bounds what one site may push, so that a flooding site costs the others nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from hexi_kit.clock import Clock
from hexi_kit.errors import ResourceExhausted


@dataclass(frozen=True, slots=True)
class QuotaLimits:
    """Frames count against the bucket one by one, however few servers they carry."""

    streams_max: int = 8
    frames_per_s: int = 500
    burst_frames: int = 2_000


@dataclass(slots=True)
class _Bucket:
    frames: float
    filled_s: float
    streams: int = 0


@dataclass(slots=True)
class Quotas:
    """One bucket a site, in real time: what is bounded is our work, not theirs."""

    clock: Clock
    limits: QuotaLimits
    _buckets: dict[str, _Bucket] = field(default_factory=dict)

    @contextmanager
    def stream(self, site_id: str) -> Iterator[None]:
        """Counts an open stream."""
        bucket = self._bucket(site_id)
        if bucket.streams >= self.limits.streams_max:
            raise ResourceExhausted(
                f"site {site_id}: expected at most {self.limits.streams_max} streams, was one more"
            )
        bucket.streams += 1
        try:
            yield
        finally:
            bucket.streams -= 1

    def take(self, site_id: str, frames: int) -> None:
        """Raises with the time after which so many would fit."""
        bucket = self._bucket(site_id)
        bucket.frames -= frames
        if bucket.frames < 0:
            wait_ms = int(-bucket.frames * 1_000 / self.limits.frames_per_s) + 1
            bucket.frames += frames
            raise ResourceExhausted(
                f"site {site_id}: expected at most {self.limits.frames_per_s} frames a second",
                wait_ms,
            )

    def _bucket(self, site_id: str) -> _Bucket:
        now_s = self.clock.real_monotonic_s()
        bucket = self._buckets.get(site_id)
        if bucket is None:
            bucket = self._buckets[site_id] = _Bucket(self.limits.burst_frames, now_s)
        grown = bucket.frames + (now_s - bucket.filled_s) * self.limits.frames_per_s
        bucket.frames = min(float(self.limits.burst_frames), grown)
        bucket.filled_s = now_s
        return bucket
