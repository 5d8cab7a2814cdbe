"""Operations per second of one precision: a type of its own, so that precisions never add up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from hexi_telemetry.domain.measures.precision import (
    Bf16,
    Fp16,
    Fp32,
    Fp64,
    Int8,
    Precision,
    Tf32,
)

PRECISIONS: dict[int, type[Precision]] = {
    one.number: one for one in (Fp64, Fp32, Tf32, Fp16, Bf16, Int8)
}
P = TypeVar("P", bound=Precision)


class MixedPrecisionError(TypeError):
    """Rates of different precisions have no sum; what a type checker did not see, we refuse."""


@dataclass(frozen=True, slots=True)
class Rate(Generic[P]):
    """Millions of operations per second."""

    precision: type[P]
    mops: int
    sparse: bool = False

    def __add__(self, other: Rate[P]) -> Rate[P]:
        if (other.precision, other.sparse) != (self.precision, self.sparse):
            mine, yours = self.precision.__name__, other.precision.__name__
            raise MixedPrecisionError(f"expected {mine} to be added to {mine}, was {yours}")
        return Rate(self.precision, self.mops + other.mops, self.sparse)


Kind = tuple[int, bool]  # number of the precision, sparse


def totals(rates: Iterable[Rate[Precision]]) -> dict[Kind, Rate[Precision]]:
    """One sum a precision, dense and sparse apart; there is no sum of them all."""
    found: dict[Kind, Rate[Precision]] = {}
    for rate in rates:
        kind = (rate.precision.number, rate.sparse)
        found[kind] = found[kind] + rate if kind in found else rate
    return dict(sorted(found.items()))
