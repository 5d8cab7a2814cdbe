"""Goal: what was compiled with other constants is never used. Method: one constant changes in one
source, and the place where compiled code is kept is looked at."""

from __future__ import annotations

from pathlib import Path

import pytest
from hexi_scheduler.domain.facts import Server
from hexi_scheduler.domain.packing import compiled
from hexi_scheduler.domain.place.capacity import Capacity
from hexi_scheduler.domain.placement import Allocation
from hexi_scheduler.domain.workload import Resources


def test_a_constant_that_changes_in_another_file_is_another_fingerprint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns, kernel = tmp_path / "columns.py", tmp_path / "kernel.py"
    columns.write_text("BLOCK = 128\n")
    kernel.write_text("from columns import BLOCK\n")
    monkeypatch.setattr(compiled, "SOURCES", (columns, kernel))
    before = compiled.fingerprint()

    columns.write_text("BLOCK = 64\n")

    assert compiled.fingerprint() != before


def test_compiled_code_is_kept_under_the_fingerprint_of_its_sources() -> None:
    capacity = Capacity([Server("r", "T4", "fleet", 8_000, 64, 2)])

    capacity.take(Allocation(0, (1,), 500), Resources(1_000, 8, 1, 500))

    assert capacity.free(0) == (7_000, 56, (500, 1_000))
    assert compiled.CACHE.name == compiled.fingerprint()
    assert list(compiled.CACHE.rglob("moves.move-*.nbi"))
