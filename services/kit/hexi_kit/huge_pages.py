"""Asks the kernel to hold a large process in huge pages: else a walk through a gigabyte of small
objects spends a fifth of its time on looking up where they lie."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Iterator
from pathlib import Path

MAPS = Path("/proc/self/maps")
# Below it nothing is gained, and a page that is touched in part costs all of it.
MAPPING_BYTES_MIN = 16 * 1024 * 1024
# Of <sys/mman.h>: for pages to come, and at once for those that are there (Linux 6.1).
HUGE_PAGE, COLLAPSE = 14, 25


def collapse() -> int:
    """Bytes that were offered to the kernel; 0 where there is none that knows of it.

    What it declines stays as it is: this is advice, and nothing depends on it. Takes some two
    seconds a gigabyte, during which nobody who works beside it answers in time.
    """
    if not MAPS.exists():
        return 0
    libc, offered = ctypes.CDLL(None), 0
    libc.madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    for start, end in anonymous(MAPS.read_text().splitlines()):
        for advice in (HUGE_PAGE, COLLAPSE):
            libc.madvise(start, end - start, advice)
        offered += end - start
    return offered


def anonymous(maps: Iterable[str]) -> Iterator[tuple[int, int]]:
    """Start and end of what is large, written to, and of no file."""
    for line in maps:
        span, rights, _, _, inode, *name = line.split()
        start, end = (int(address, 16) for address in span.split("-"))
        own = rights.startswith("rw") and inode == "0" and name in ([], ["[heap]"])
        if own and end - start >= MAPPING_BYTES_MIN:
            yield start, end
