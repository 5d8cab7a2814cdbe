"""Log files of child processes: appended by the child, bounded by the supervisor."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import BinaryIO

LOG_BYTES_MAX = 32 * 1024 * 1024
TAIL_LINES = 20
TAIL_BYTES = 64 * 1024


def open_log(path: Path) -> BinaryIO:
    """Open for appending: every write lands at the end, also after a truncation."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rotate(path)
    return path.open("ab", buffering=0)


def rotate(path: Path, bytes_max: int = LOG_BYTES_MAX) -> None:
    """Keep one older log. Copy and truncate: the child holds the file and never reopens it."""
    if path.exists() and path.stat().st_size > bytes_max:
        shutil.copyfile(path, path.with_suffix(".log.1"))
        with path.open("r+b") as file:
            file.truncate(0)


def tail(path: Path, lines: int = TAIL_LINES) -> list[str]:
    """The last lines of a log."""
    if not path.exists():
        return []
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - TAIL_BYTES))
        return file.read().decode(errors="replace").splitlines()[-lines:]
