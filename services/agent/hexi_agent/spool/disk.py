"""Frames on disk until telemetry has decided them: append-only segments, one folder a stream.

A frame is in the page cache before it is sent, so a killed agent loses none. `sync` makes it safe
from a power cut too; what a power cut takes was not sent, or telemetry knows it and a new epoch
begins, because the agent can not repeat a number with other bytes.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from hexi_agent.domain.spool_record import Mark, acked_record, frame_record, head_record
from hexi_agent.domain.spool_segment import Place, Segment, place_of, read_segment

SUFFIX = ".seg"


@dataclass(frozen=True, slots=True)
class SpoolLimits:
    """A full spool drops its oldest segment: telemetry records the numbers as a gap."""

    bytes_max: int = 64 * 1024 * 1024
    segment_bytes: int = 1024 * 1024

    @classmethod
    def of(cls, bytes_max: int) -> SpoolLimits:
        """A segment is what is dropped at once: of a small spool no more than an eighth."""
        return cls(bytes_max, min(1024 * 1024, bytes_max // 8))


class Stored(NamedTuple):
    """A frame as it was appended."""

    sequence: int
    frame: bytes


@dataclass(slots=True)
class _File:
    path: Path
    size: int
    frames: list[Place] = field(default_factory=list)


class Spool:
    """One stream's frames; `mark` is where its numbers, digests and meters stand."""

    def __init__(self, folder: Path, limits: SpoolLimits | None = None) -> None:
        self._folder = folder
        self._limits = limits or SpoolLimits()
        self._files: deque[_File] = deque()
        self.mark, self.acked, self.dropped = Mark(), 0, 0
        folder.mkdir(parents=True, exist_ok=True)
        self._recover()
        self._active = self._open_active()

    def append(self, mark: Mark, frame: bytes) -> None:
        """The frame is on disk when this returns; `mark` is where the stream stands with it."""
        if mark.sequence <= self.mark.sequence:
            raise ValueError(f"expected a number above {self.mark.sequence}, was {mark.sequence}")
        record = frame_record(mark, frame)
        if self._files[-1].size + len(record) > self._limits.segment_bytes:
            self._roll()
        while self.size_bytes + len(record) > self._limits.bytes_max and len(self._files) > 1:
            self._drop_oldest()
        place = place_of(self._files[-1].size, mark, frame)
        self._write(record)
        self._files[-1].frames.append(place)
        self.mark = mark

    def read(self, after: int, frames_max: int) -> list[Stored]:
        """The first frames above `after` that are still here, in order."""
        found: list[Stored] = []
        for file in self._files:
            wanted = file.frames[bisect_right(file.frames, after, key=lambda p: p.sequence) :]
            wanted = wanted[: frames_max - len(found)]
            if wanted:
                with file.path.open("rb") as source:
                    for place in wanted:
                        source.seek(place.offset)
                        found.append(Stored(place.sequence, source.read(place.length)))
            if len(found) == frames_max:
                break
        return found

    def ack(self, through: int) -> None:
        """Forget every frame up to this number."""
        if through <= self.acked:
            return
        self._write(acked_record(through))
        self.acked = through
        while len(self._files) > 1 and _is_done(self._files[0], through):
            self._files.popleft().path.unlink()

    @property
    def pending(self) -> int:
        """Frames not decided yet."""
        return sum(_pending(file, self.acked) for file in self._files)

    @property
    def size_bytes(self) -> int:
        return sum(file.size for file in self._files)

    def sync(self) -> None:
        """Make what is written safe from a power cut; blocks for as long as the disk needs."""
        os.fdatasync(self._active)

    def close(self) -> None:
        os.close(self._active)

    def _recover(self) -> None:
        for path in segment_paths(self._folder):
            segment = read_segment(path.read_bytes())
            if not segment.end:
                path.unlink()
                continue
            os.truncate(path, segment.end)
            self._files.append(_File(path, segment.end, segment.frames))
            self.acked = max(self.acked, segment.acked)
            if segment.mark.sequence >= self.mark.sequence:
                self.mark = segment.mark
        # What is not here any more was acknowledged or dropped, whatever the last word on it was.
        first = next((f.frames[0].sequence for f in self._files if f.frames), None)
        self.acked = max(self.acked, (first or self.mark.sequence + 1) - 1)
        while len(self._files) > 1 and _is_done(self._files[0], self.acked):
            self._files.popleft().path.unlink()

    def _open_active(self) -> int:
        if not self._files:
            return self._begin_segment()
        return os.open(self._files[-1].path, os.O_WRONLY | os.O_APPEND)

    def _begin_segment(self) -> int:
        """A segment appears whole, with its head, or not at all."""
        path = self._folder / f"{self.mark.sequence + 1:020d}{SUFFIX}"
        unfinished = path.with_suffix(".new")
        record = head_record(self.mark, self.acked)
        unfinished.write_bytes(record)
        unfinished.replace(path)
        self._files.append(_File(path, len(record)))
        return os.open(path, os.O_WRONLY | os.O_APPEND)

    def _roll(self) -> None:
        if not self._files[-1].frames:
            return
        self.sync()
        os.close(self._active)
        self._active = self._begin_segment()

    def _drop_oldest(self) -> None:
        file = self._files.popleft()
        self.dropped += _pending(file, self.acked)
        if file.frames:
            self.acked = max(self.acked, file.frames[-1].sequence)
        file.path.unlink()

    def _write(self, record: bytes) -> None:
        written = os.write(self._active, record)
        if written != len(record):
            # A torn record would hide all that follow: take it back and say so.
            os.ftruncate(self._active, self._files[-1].size)
            raise OSError(f"expected to write {len(record)} bytes, wrote {written}")
        self._files[-1].size += written


def segment_paths(folder: Path) -> list[Path]:
    """The segments of a stream, oldest first."""
    return sorted(folder.glob(f"*{SUFFIX}"))


def read_folder(folder: Path) -> Iterator[Segment]:
    """Look into a stream's folder without touching it; its agent may be writing."""
    for path in segment_paths(folder):
        try:
            segment = read_segment(path.read_bytes())
        except FileNotFoundError:
            continue  # acknowledged meanwhile
        if segment.end:
            yield segment


def _is_done(file: _File, through: int) -> bool:
    return not file.frames or file.frames[-1].sequence <= through


def _pending(file: _File, acked: int) -> int:
    return len(file.frames) - bisect_right(file.frames, acked, key=lambda p: p.sequence)
