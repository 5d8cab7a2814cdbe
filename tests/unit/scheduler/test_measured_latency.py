"""Goal: ROUTE goes by measured latency while it is fresh, by the registered one else.

Method: single situations with times on paper; and any history, rebuilt from its journal.
"""

from __future__ import annotations

from hexi.inventory.v1 import inventory_pb2
from hexi.scheduler.v1 import place_pb2
from hexi.telemetry.v1 import measure_pb2
from hexi_scheduler.domain.latency import (
    LatencyMeasured,
    LatencyRules,
    MeasureLatency,
    RegionLatency,
)
from hexi_scheduler.domain.offer import SiteOffer
from hexi_scheduler.domain.place.place_commands import PlaceCommand, Tick
from hexi_scheduler.domain.place.policy import BestFit
from hexi_scheduler.domain.place.site import Site
from hexi_scheduler.domain.place.site_offer import offer_of
from hexi_scheduler.domain.place.step_place import step
from hexi_scheduler.domain.route.filters import objections
from hexi_scheduler.domain.rules import NO_RULES, Rules
from hexi_scheduler.domain.workload import Constraints, Demand, Resources
from hexi_scheduler.settings import fair_rules
from hexi_scheduler.wire.facts import server_set, site_facts
from hexi_scheduler.wire.latency import said_by_measures
from hexi_scheduler.wire.offer import offer, site_state
from hexi_scheduler.wire.place_commands import command
from hexi_scheduler.wire.place_journal import entries, entry
from hexi_scheduler.wire.workload import WorkloadReader
from hypothesis import given
from hypothesis import strategies as st

NOW_MS = 1_800_000_000_000
FRESH_MS, TOLD_US = 60_000, 200
RULES = Rules(latency=LatencyRules(FRESH_MS, TOLD_US))
REGISTERED = {"east": 16_000, "gansu": 3_000}
FACTS = inventory_pb2.SiteRecorded(
    site=inventory_pb2.Site(
        site_id="s",
        region="gansu",
        latencies=[inventory_pb2.Latency(region=r, one_way_us=us) for r, us in REGISTERED.items()],
    ),
    revision=1,
    state=inventory_pb2.ADMISSION_STATE_ADMITTED,
)
SERVERS = inventory_pb2.ServerSet(
    site_id="s",
    revision=1,
    racks=["r"],
    rack_index=[0],
    cpu_milli=[4_000],
    memory_mib=[4_096],
    accelerators=[0],
)


class Desk:
    """One site, told things; remembers what was written."""

    def __init__(self) -> None:
        self.site, self.journal = Site("s"), {}
        self.tell(site_facts(FACTS))
        self.tell(server_set(SERVERS))
        self.tell(Tick(NOW_MS))

    def tell(self, command: PlaceCommand, rules: Rules = RULES) -> list:
        events = step(self.site, command, self.site.now_ms or NOW_MS, BestFit(), rules)
        assert not step(self.site, command, self.site.now_ms or NOW_MS, BestFit(), rules)
        self.journal |= dict(entries("s", events, 0, len(self.journal)))
        return events

    def measured(self, one_way_us: int, at_ms: int, region: str = "east") -> list:
        return self.tell(MeasureLatency((RegionLatency(region, one_way_us, at_ms),)))

    def offer(self, rules: Rules = RULES) -> SiteOffer:
        found = offer_of(self.site, rules)
        assert found is not None
        return offer(site_state(found))

    def latencies(self) -> dict[str, int]:
        return dict(self.offer().standing.latencies_us)


def near(region: str, one_way_us: int) -> Demand:
    wishes = Constraints(latency_region=region, latency_us_max=one_way_us)
    return Demand(Resources(1_000, 1), constraints=wishes)


def test_what_is_measured_takes_the_place_of_what_is_registered() -> None:
    desk = Desk()
    assert "latency" not in objections(desk.offer(), near("east", 20_000))

    desk.measured(23_000, NOW_MS)

    assert desk.latencies() == {"east": 23_000, "gansu": 3_000}
    assert desk.offer().standing.latency_measured == ("east",)
    assert "latency" in objections(desk.offer(), near("east", 20_000))


def test_what_telemetry_publishes_reaches_the_filter_as_a_command() -> None:
    desk = Desk()
    way = measure_pb2.RegionLatency(region="east", one_way_us=23_000, measured_at_ms=NOW_MS)
    published = measure_pb2.SiteMeasured(site_id="s", revision=1, latencies=[way])

    said = said_by_measures(published, NOW_MS)
    logged = place_pb2.SiteCommand.FromString(said.SerializeToString())
    desk.tell(command(logged, WorkloadReader()))

    assert logged.site_id == "s"
    assert objections(desk.offer(), near("east", 22_999)) == ["latency"]
    assert not objections(desk.offer(), near("east", 23_000))


def test_a_region_nobody_registered_can_be_measured() -> None:
    desk = Desk()
    desk.measured(9_000, NOW_MS, "north")

    assert "latency" not in objections(desk.offer(), near("north", 10_000))


def test_what_grew_stale_counts_no_more() -> None:
    desk = Desk()
    desk.measured(23_000, NOW_MS)

    desk.tell(Tick(NOW_MS + FRESH_MS - 1))
    assert desk.latencies()["east"] == 23_000
    desk.tell(Tick(NOW_MS + FRESH_MS))

    assert desk.latencies() == REGISTERED
    assert not desk.offer().standing.latency_measured


def test_noise_is_not_written_down_and_age_is() -> None:
    desk = Desk()
    assert desk.measured(23_000, NOW_MS)

    assert not desk.measured(23_000 + TOLD_US, NOW_MS + 1_000)
    assert desk.measured(23_000 + TOLD_US, NOW_MS + FRESH_MS // 2 + 1)
    assert not desk.measured(50_000, NOW_MS), "older than what is known"
    assert desk.latencies()["east"] == 23_200


def test_without_policy_nothing_is_taken_in() -> None:
    desk = Desk()
    desk.tell(MeasureLatency((RegionLatency("east", 1, NOW_MS),)), NO_RULES)

    assert desk.site.latency == LatencyMeasured(())


def test_the_policy_in_force_lets_measurements_count() -> None:
    rules = fair_rules().latency

    assert rules.fresh_ms > 0
    assert rules.told_us > 0


commands = st.one_of(
    st.builds(Tick, st.integers(NOW_MS, NOW_MS + 3 * FRESH_MS)),
    st.builds(
        MeasureLatency,
        st.lists(
            st.builds(
                RegionLatency,
                st.sampled_from(["east", "gansu", "north"]),
                st.integers(0, 2_000),
                st.integers(0, 100).map(lambda n: NOW_MS + n * FRESH_MS // 50),
            ),
            max_size=3,
            unique_by=lambda one: one.region,
        ).map(tuple),
    ),
)


@given(st.lists(commands, max_size=20))
def test_any_history_is_near_the_newest_and_rebuilds(told: list[PlaceCommand]) -> None:
    desk, newest = Desk(), {}
    for index, said in enumerate(told):
        told_now = said
        if isinstance(said, MeasureLatency):
            # No two windows of a site end at the same moment.
            shifted = (r._replace(measured_at_ms=r.measured_at_ms + index) for r in said.regions)
            told_now = MeasureLatency(tuple(shifted))
            for one in told_now.regions:
                newest[one.region] = max(one, newest.get(one.region, one), key=lambda r: r[2])
        desk.tell(told_now)

    for region in desk.offer().standing.latency_measured:
        assert abs(desk.latencies()[region] - newest[region].one_way_us) <= TOLD_US
    rebuilt = Site("s")
    for value in desk.journal.values():
        found = entry(value, WorkloadReader())
        assert found is not None
        rebuilt.apply(found[0])
    assert offer_of(rebuilt, RULES) == offer_of(desk.site, RULES)._replace(revision=0)
