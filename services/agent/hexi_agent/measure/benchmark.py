"""Dense matrix products and copies by numpy: what this processor does, in each precision it has."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hexi_kit.clock import Clock
from numpy.typing import DTypeLike, NDArray

from hexi_agent.measure.precision import PrecisionName
from hexi_agent.measure.result import BenchmarkResult, Figure

MEGA = 1_000_000
NATIVE: dict[PrecisionName, DTypeLike] = {"fp64": np.float64, "fp32": np.float32}
# numpy computes these in single steps or by way of another precision: that measures numpy.
FOREIGN: tuple[PrecisionName, ...] = ("fp16", "bf16", "int8")
NOT_NATIVE = "numpy has no native arithmetic of it"


def measure(clock: Clock, seconds: float, size: int, copy_bytes: int) -> BenchmarkResult:
    """Each precision for so many seconds, then as long for memory."""
    figures = [_gemm(clock, name, seconds, size) for name in NATIVE]
    figures += [Figure(precision=name, not_measured=NOT_NATIVE) for name in FOREIGN]
    return BenchmarkResult(
        subject="cpu",
        figures=tuple(figures),
        memory_bytes_per_s=_copies(clock, seconds, copy_bytes),
    )


def _gemm(clock: Clock, name: PrecisionName, seconds: float, size: int) -> Figure:
    a = np.linspace(0.0, 1.0, size * size, dtype=NATIVE[name]).reshape(size, size)
    b, product = np.ascontiguousarray(a.T), np.empty_like(a)

    def multiply() -> None:
        np.matmul(a, b, out=product)

    multiply()  # threads and pages are there from now on
    from_ms = clock.now_ms()
    times, elapsed_s = _repeat(clock, multiply, seconds)
    _require_sound(product)
    # An addition and a multiplication for each of size^3 steps.
    operations = 2 * size**3 * times
    return Figure(
        precision=name,
        measured_mops=max(1, int(operations / elapsed_s / MEGA)),
        from_ms=from_ms,
        to_ms=clock.now_ms(),
    )


def _copies(clock: Clock, seconds: float, copy_bytes: int) -> int:
    """Bytes read and written per second, of a block that no cache holds."""
    # Written first: pages that nobody wrote are all the same one.
    source = np.full(copy_bytes // 8, 1.0)
    target = np.full_like(source, 0.0)

    def copy() -> None:
        np.copyto(target, source)

    copy()
    times, elapsed_s = _repeat(clock, copy, seconds)
    return int(2 * source.nbytes * times / elapsed_s)


def _repeat(clock: Clock, work: Callable[[], None], seconds: float) -> tuple[int, float]:
    times, begun_s = 0, clock.real_monotonic_s()
    while True:
        work()
        times += 1
        elapsed_s = clock.real_monotonic_s() - begun_s
        if elapsed_s >= seconds:
            return times, elapsed_s


def _require_sound(product: NDArray[np.floating]) -> None:
    """A machine that computes nonsense has no speed."""
    if not np.isfinite(product).all() or product[-1, -1] <= 0:
        raise ArithmeticError("the product of the benchmark is wrong")
