"""Goal: large memory is offered to the kernel, and nothing else is. Method: maps as the kernel
writes them, and the kernel's own count of huge pages after real memory was offered."""

from __future__ import annotations

from pathlib import Path

import pytest
from hexi_kit import huge_pages

ENABLED = Path("/sys/kernel/mm/transparent_hugepage/enabled")
MAPS = """\
55d0c0000000-55d0c4000000 rw-p 00000000 00:00 0                          [heap]
7f1000000000-7f1004000000 rw-p 00000000 00:00 0
7f1004000000-7f1004001000 rw-p 00000000 00:00 0
7f1005000000-7f1009000000 r--p 00000000 00:00 0
7f1010000000-7f1014000000 rw-p 00000000 08:01 1234                       /usr/lib/libnumber.so
7ffc00000000-7ffc04000000 rw-p 00000000 00:00 0                          [stack]
"""
SIZE_BYTES = 64 * 1024 * 1024


def test_what_is_large_and_written_to_is_offered_but_no_file_and_no_stack() -> None:
    found = list(huge_pages.anonymous(MAPS.splitlines()))

    assert found == [(0x55D0C0000000, 0x55D0C4000000), (0x7F1000000000, 0x7F1004000000)]


def test_a_machine_without_such_maps_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huge_pages, "MAPS", tmp_path / "nowhere")

    assert huge_pages.collapse() == 0


def test_large_memory_comes_to_lie_in_huge_pages_and_keeps_what_it_holds() -> None:
    if not ENABLED.exists() or "[never]" in ENABLED.read_text():
        pytest.skip("this kernel has no huge pages, or none are to be used")
    kept = bytearray(b"hexi" * (SIZE_BYTES // 4))
    before = _huge_kib()

    offered = huge_pages.collapse()

    assert offered >= SIZE_BYTES
    assert kept == b"hexi" * (SIZE_BYTES // 4)
    if _huge_kib() == before:
        pytest.skip("the kernel knows of huge pages, and declined")


def _huge_kib() -> int:
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("AnonHugePages"))
