"""Goal: what a site computes is the sum of the servers that stand there now. Method: the handler on
a store that keeps the vectors of three servers, while the server set shrinks."""

from __future__ import annotations

from collections.abc import Sequence

from hexi_kit.testing.clock import ManualClock
from hexi_telemetry.domain.facts import ServerSetFacts, SiteFacts
from hexi_telemetry.domain.measures.compute import ComputeVector, Throughput
from hexi_telemetry.domain.measures.hours import HourEnergy
from hexi_telemetry.domain.measures.links import Link
from hexi_telemetry.domain.measures.reports import Report
from hexi_telemetry.domain.measures.site import SiteMeasures
from hexi_telemetry.handlers.measures import Measures
from hexi_telemetry.handlers.sites import KnownSites
from hexi_telemetry.settings import TelemetrySettings

SITE, FP64 = "lanzhou", 1


class Kept:
    """Three servers were measured, of 100 each."""

    def __init__(self) -> None:
        self.told: list[SiteMeasures] = []
        self.reads = 0

    async def reports(self, since_ms: int) -> list[Report]:
        return []

    async def hours(self, since_ms: int, site_id: str = "") -> dict[str, list[HourEnergy]]:
        return {}

    async def measured_sites(self) -> list[str]:
        return [SITE]

    async def vectors(self, site_id: str) -> list[ComputeVector]:
        self.reads += 1
        rate = (Throughput(FP64, False, 0, 100, "", 0),)
        return [ComputeVector("cpu", 1, n, f"p{n}", 1, rate, 0, 1_000 + n) for n in range(3)]

    async def publish(self, measures: SiteMeasures, disputed: Sequence[Link]) -> bool:
        self.told.append(measures)
        return True


async def test_servers_that_are_gone_are_not_counted() -> None:
    kept, known = Kept(), KnownSites()
    measures = Measures(kept, known, TelemetrySettings().measures, ManualClock(1_000_000))
    await known.hear([SiteFacts(SITE, True, frozenset())], [server_set(1, 3)])

    await measures.publish()
    await measures.publish()  # nothing changed: nothing is read, nothing is told
    await known.hear(server_sets=[server_set(2, 2)])
    await measures.publish()

    assert [[rate.mops for rate in one.totals] for one in kept.told] == [[300], [200]]
    assert [one.compute[0].server for one in kept.told] == [2, 1]
    assert kept.reads == 2


def server_set(revision: int, servers: int) -> ServerSetFacts:
    return ServerSetFacts(SITE, revision, ("r",), (0,) * servers)
