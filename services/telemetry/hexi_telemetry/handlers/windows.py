"""Adds the frame log to quarters, closes windows, restates those that late frames change."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from hexi_kit.metrics import counter

from hexi_telemetry.domain.frame import Frame
from hexi_telemetry.domain.quarter import merge, quarter_of
from hexi_telemetry.domain.rollup import roll_up
from hexi_telemetry.domain.stream import StreamKey
from hexi_telemetry.ports.streams import Sites
from hexi_telemetry.ports.windows import LogBatch, Window, WindowWork


def gather(frames: Iterable[Frame], sites: Sites) -> LogBatch:
    """Many frames as one addition: a row a quarter, not a row a frame."""
    batch = LogBatch()
    for frame in frames:
        key = StreamKey(frame.site_id, frame.agent_id, frame.epoch)
        batch.logged.append((key, frame.sequence, frame.digest))
        site = sites.find(frame.site_id)
        # Servers nobody has heard of count as covered: coverage needs the whole.
        servers = site.servers_of.get(frame.revision, 0) if site is not None else 0
        quarter = quarter_of(frame, servers or frame.first_server + frame.count)
        place = (quarter.site_id, quarter.start_ms)
        known = batch.quarters.get(place)
        batch.quarters[place] = quarter if known is None else merge(known, quarter)
        newest = batch.watermarks.get(frame.site_id, 0)
        batch.watermarks[frame.site_id] = max(newest, frame.observed_at_ms)
    return batch


async def close_ripe(work: WindowWork, before_ms: int | None = None) -> int:
    """Publish each ripe window whose figures are new; how many.

    `before_ms` also closes what ended before it, however silent its site is.
    """
    windows = await work.ripe(before_ms)
    published = 0
    for window in _with_neighbours(windows):
        rollup = roll_up(window.start_ms, window.width_ms, await work.around(window))
        if rollup is None:
            continue
        revision, was = await work.published(window)
        if not revision and window not in windows:
            continue  # a neighbour whose own time has not come
        if rollup != was:
            await work.publish(rollup, revision + 1)
            published += 1
    await work.settle(windows)
    if published:
        counter("telemetry.rollups_closed").add(published)
    return published


def _with_neighbours(windows: Sequence[Window]) -> list[Window]:
    """A new reading at a window's edge also changes what its neighbours know of that edge."""
    found = {
        replace(window, start_ms=window.start_ms + shift * window.width_ms)
        for window in windows
        for shift in (-1, 0, 1)
    }
    return sorted(found, key=lambda w: (w.site_id, w.start_ms, w.width_ms))
