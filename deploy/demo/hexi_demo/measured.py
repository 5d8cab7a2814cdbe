"""What telemetry says of the province: energy by the quarter, keys, algorithms, gaps by cause."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from hexi.telemetry.v1 import telemetry_pb2 as pb
from hexi_contracts import topics

MEASURED = (
    topics.TELEMETRY_FRAME,
    topics.TELEMETRY_KEY,
    topics.TELEMETRY_GAP,
    topics.TELEMETRY_ROLLUP,
)
QUARTER_MS = 900_000
_ALGORITHMS = {
    pb.SIGNATURE_ALGORITHM_SM2_SM3: "SM2",
    pb.SIGNATURE_ALGORITHM_ECDSA_P256_SHA256: "ECDSA",
}


@dataclass(frozen=True, slots=True)
class Quarter:
    """Sites that closed a quarter of an hour together; the PUE weighs each by its IT energy."""

    start_ms: int
    sites: int
    it_kw: int
    pue_milli: int
    low_milli: int
    high_milli: int
    coverage_ppm: int

    def text(self) -> str:
        pue, low, high = (m / 1_000 for m in (self.pue_milli, self.low_milli, self.high_milli))
        heard = self.coverage_ppm / 10_000
        return f"IT {self.it_kw:,} kW  PUE {pue:.3f} ({low:.3f}-{high:.3f})  heard {heard:.1f} %"


class Measured:
    """Hears the topics of telemetry, live or afterwards."""

    def __init__(self) -> None:
        self.signed: Counter[str] = Counter()
        self.gaps: Counter[str] = Counter()
        self.keys = 0
        # The newest revision of each closed quarter that has a PUE, by start and site.
        self._quarters: dict[int, dict[str, pb.RollupClosed]] = {}

    def hear(self, message: object) -> None:
        match message:
            case pb.SignedFrame():
                self.signed[_ALGORITHMS.get(message.algorithm, "unknown")] += 1
            case pb.SignedKeyStatement():
                self.keys += 1
            case pb.GapRecorded():
                self.gaps[_cause(message)] += 1
            case pb.RollupClosed():
                self._roll(message)

    def site(self, site_id: str) -> pb.RollupClosed | None:
        """The newest quarter of a site."""
        for start_ms in sorted(self._quarters, reverse=True):
            if site_id in self._quarters[start_ms]:
                return self._quarters[start_ms][site_id]
        return None

    def province(self) -> Quarter | None:
        """The newest quarter that as many sites have closed as any other."""
        if not self._quarters:
            return None
        start_ms = max(self._quarters, key=lambda start: (len(self._quarters[start]), start))
        return _together(start_ms, self._quarters[start_ms].values())

    def _roll(self, rollup: pb.RollupClosed) -> None:
        if rollup.end_ms - rollup.start_ms != QUARTER_MS or not rollup.HasField("pue"):
            return
        sites = self._quarters.setdefault(rollup.start_ms, {})
        known = sites.get(rollup.site_id)
        if known is None or known.revision < rollup.revision:
            sites[rollup.site_id] = rollup


def _together(start_ms: int, rollups: Iterable[pb.RollupClosed]) -> Quarter:
    every = list(rollups)
    it_ws = max(1, sum(one.it_energy_ws for one in every))
    value = sum(one.it_energy_ws * one.pue.value_milli for one in every)
    low = sum(one.it_energy_ws * one.pue.low_milli for one in every)
    high = sum(one.it_energy_ws * one.pue.high_milli for one in every)
    return Quarter(
        start_ms,
        len(every),
        it_ws // QUARTER_MS,
        (value + it_ws // 2) // it_ws,
        low // it_ws,
        -(-high // it_ws),
        sum(one.coverage_ppm * one.it_energy_ws for one in every) // it_ws,
    )


def _cause(gap: pb.GapRecorded) -> str:
    return pb.GapCause.Name(gap.cause).removeprefix("GAP_CAUSE_").lower().replace("_", " ")
