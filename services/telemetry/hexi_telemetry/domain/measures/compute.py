"""What a benchmark run measured of one server: a figure a precision, never one figure for all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from hexi_telemetry.domain.measures.precision import Precision
from hexi_telemetry.domain.measures.rate import PRECISIONS, Kind, Rate, totals

MILLI = 1_000


class Throughput(NamedTuple):
    """Nominal and measured stay apart; `not_measured` says why there is no measured one."""

    precision: int
    sparse: bool
    nominal_mops: int
    measured_mops: int
    not_measured: str
    power_mw: int

    @property
    def mops_per_w(self) -> int:
        return self.measured_mops * MILLI // self.power_mw if self.power_mw else 0

    @property
    def rate(self) -> Rate[Precision]:
        return Rate(PRECISIONS[self.precision], self.measured_mops, self.sparse)


class ComputeVector(NamedTuple):
    """`subject` is "cpu" or the model of the accelerators in the server."""

    subject: str
    server_set_revision: int
    server: int
    placement_id: str
    devices: int
    throughputs: tuple[Throughput, ...]
    memory_bytes_per_s: int
    measured_at_ms: int


class SiteCompute(NamedTuple):
    """The newest of each subject, and the sums over all servers that stand and were measured."""

    newest: tuple[ComputeVector, ...] = ()
    totals: tuple[Rate[Precision], ...] = ()


def site_compute(vectors: Sequence[ComputeVector], servers: int) -> SiteCompute:
    """Of the servers that stand there now; a server is known by its index."""
    standing = [vector for vector in vectors if vector.server < servers]
    newest, sums = newest_of_subjects(standing), measured_totals(standing)
    return SiteCompute(tuple(newest), tuple(sums.values()))


def newest_of_subjects(vectors: Iterable[ComputeVector]) -> list[ComputeVector]:
    """By subject."""
    newest: dict[str, ComputeVector] = {}
    for vector in sorted(vectors, key=lambda v: (v.measured_at_ms, v.server)):
        newest[vector.subject] = vector
    return [newest[subject] for subject in sorted(newest)]


def measured_totals(vectors: Iterable[ComputeVector]) -> dict[Kind, Rate[Precision]]:
    """Each server once."""
    return totals(t.rate for v in vectors for t in v.throughputs if t.measured_mops)
