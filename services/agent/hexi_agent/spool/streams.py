"""Which streams of frames there are below a state folder, and how to begin a new one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from hexi_agent.spool.disk import Spool, SpoolLimits, read_folder, segment_paths

FOLDER = "spool"


class StreamName(NamedTuple):
    """One run of numbers: from 1 on, for as long as the spool lives."""

    site_id: str
    agent_id: str
    epoch: int


class Stream(NamedTuple):
    """A named spool that is open for writing."""

    name: StreamName
    spool: Spool


def open_stream(
    state_dir: Path, agent: tuple[str, str], now_ms: int, limits: SpoolLimits | None = None
) -> Stream:
    """The newest epoch of (site, agent), or its first."""
    epochs = _epochs(_agent_folder(state_dir, *agent))
    if not epochs:
        return begin_epoch(state_dir, agent, now_ms, limits)
    name = StreamName(*agent, epochs[-1])
    return Stream(name, Spool(_folder(state_dir, name), limits))


def begin_epoch(
    state_dir: Path, agent: tuple[str, str], now_ms: int, limits: SpoolLimits | None = None
) -> Stream:
    """A new stream above all before it. Of the old ones only the highest number is kept."""
    epochs = _epochs(_agent_folder(state_dir, *agent))
    for epoch in epochs:
        for path in segment_paths(_folder(state_dir, StreamName(*agent, epoch)))[:-1]:
            path.unlink()
    name = StreamName(*agent, max([now_ms, *(epoch + 1 for epoch in epochs)]))
    return Stream(name, Spool(_folder(state_dir, name), limits))


def highest_sequences(state_dir: Path) -> dict[tuple[str, str, int], int]:
    """The highest number every stream ever gave to a frame."""
    return {
        name: max((s.mark.sequence for s in read_folder(folder)), default=0)
        for name, folder in _streams(state_dir)
    }


def pending(state_dir: Path) -> int:
    """Frames below this folder that telemetry has not decided yet, of the newest epochs."""
    newest: dict[tuple[str, str], Path] = {}
    for name, folder in _streams(state_dir):
        newest[name.site_id, name.agent_id] = folder
    total = 0
    for folder in newest.values():
        segments = list(read_folder(folder))
        acked = max((s.acked for s in segments), default=0)
        total += sum(p.sequence > acked for s in segments for p in s.frames)
    return total


def _streams(state_dir: Path) -> Iterator[tuple[StreamName, Path]]:
    for folder in sorted((state_dir / FOLDER).glob("*/*/")):
        for epoch in _epochs(folder):
            yield StreamName(folder.parent.name, folder.name, epoch), folder / str(epoch)


def _epochs(folder: Path) -> list[int]:
    if not folder.is_dir():
        return []
    return sorted(int(one.name) for one in folder.iterdir() if one.name.isdigit())


def _agent_folder(state_dir: Path, site_id: str, agent_id: str) -> Path:
    return state_dir / FOLDER / site_id / agent_id


def _folder(state_dir: Path, name: StreamName) -> Path:
    return _agent_folder(state_dir, name.site_id, name.agent_id) / str(name.epoch)
