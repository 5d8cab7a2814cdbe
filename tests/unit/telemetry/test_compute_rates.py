"""Goal: precisions never add up. Method: the type checker on two sums, and the same at run time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hexi_telemetry.domain.measures.compute import (
    ComputeVector,
    Throughput,
    measured_totals,
    newest_of_subjects,
)
from hexi_telemetry.domain.measures.precision import Fp32, Fp64
from hexi_telemetry.domain.measures.rate import MixedPrecisionError, Rate

ROOT = Path(__file__).resolve().parents[3]
SUMS = """
from hexi_telemetry.domain.measures.precision import Fp32, Fp64
from hexi_telemetry.domain.measures.rate import Rate
fp64, fp32 = Rate(Fp64, 1), Rate(Fp32, 2)
bad = fp64 + fp32
good = fp64 + fp64
"""


def vector(server: int, fp64: int, at_ms: int = 0, subject: str = "cpu") -> ComputeVector:
    throughputs = (
        Throughput(Fp64.number, False, 0, fp64, "", 50_000),
        Throughput(Fp32.number, False, 0, 2 * fp64, "", 0),
        Throughput(6, False, 0, 0, "no such arithmetic", 0),
    )
    return ComputeVector(subject, 1, server, f"p{server}", 1, throughputs, 0, at_ms)


def test_rates_of_one_precision_add_up() -> None:
    assert (Rate(Fp64, 3) + Rate(Fp64, 4)).mops == 7


def test_rates_of_two_precisions_do_not() -> None:
    with pytest.raises(MixedPrecisionError, match="expected Fp64 to be added to Fp64, was Fp32"):
        Rate(Fp64, 3) + Rate(Fp32, 4)
    with pytest.raises(MixedPrecisionError):
        Rate(Fp64, 3) + Rate(Fp64, 4, sparse=True)


def test_the_type_checker_sees_it_first(tmp_path: Path) -> None:
    file = tmp_path / "sums.py"
    file.write_text(SUMS)
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--no-error-summary", str(file)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert [line.split(":")[1] for line in checked.stdout.splitlines() if "error" in line] == ["5"]
    assert "Unsupported operand types" in checked.stdout


def test_a_site_is_the_sum_of_its_servers_precision_by_precision() -> None:
    found = measured_totals([vector(0, 100), vector(1, 50)])

    assert {kind: rate.mops for kind, rate in found.items()} == {(1, False): 150, (2, False): 300}


def test_efficiency_is_of_the_power_that_was_read() -> None:
    fp64, fp32, _ = vector(0, 100).throughputs

    assert (fp64.mops_per_w, fp32.mops_per_w) == (2, 0)


def test_the_newest_of_each_subject() -> None:
    old, new, other = vector(0, 1, 5), vector(1, 2, 6), vector(0, 3, 1, "A100")

    assert newest_of_subjects([new, other, old]) == [other, new]
