"""Goal: no one site can make a way look shorter than it is. Method: pairs of reports, and lies."""

from __future__ import annotations

from hexi_telemetry.domain.measures.links import (
    Link,
    LinkRules,
    LinkState,
    RegionLatency,
    latencies,
    links_of,
)
from hexi_telemetry.domain.measures.reports import Report, RoundTrips, by_site
from hypothesis import given
from hypothesis import strategies as st

RULES = LinkRules(fresh_ms=600_000, differ_us=500, differ_milli=200)
NOW_MS = 1_800_000_000_000
REGIONS = {"lanzhou": "gansu", "qingyang": "gansu", "jiuquan": "gansu", "shanghai": "east"}


def says(site: str, peer: str, p50_us: int, age_ms: int = 0, samples: int = 60) -> Report:
    trips = RoundTrips(p50_us - 1, p50_us, p50_us + 9, samples, 0)
    return Report(site, peer, trips, NOW_MS - age_ms)


def links(site: str, *reports: Report) -> list[Link]:
    return links_of(site, by_site(reports).get(site, {}), RULES, NOW_MS)


def test_two_who_agree_make_a_link_of_the_larger() -> None:
    said = says("lanzhou", "shanghai", 32_000), says("shanghai", "lanzhou", 32_400)

    (link,) = links("lanzhou", *said)

    assert (link.state, link.trips.p50_us) == (LinkState.AGREED, 32_400)
    assert links("shanghai", *said)[0].trips == link.trips


def test_who_says_less_than_its_peer_is_flagged_and_the_larger_counts() -> None:
    (link,) = links(
        "lanzhou", says("lanzhou", "shanghai", 4_000), says("shanghai", "lanzhou", 33_000)
    )

    assert (link.state, link.trips.p50_us) == (LinkState.DISPUTED, 33_000)


def test_a_difference_of_short_ways_is_noise() -> None:
    (link,) = links("lanzhou", says("lanzhou", "qingyang", 300), says("qingyang", "lanzhou", 790))

    assert link.state is LinkState.AGREED


def test_old_and_empty_reports_are_none() -> None:
    assert not links("lanzhou", says("lanzhou", "qingyang", 300, age_ms=RULES.fresh_ms))
    assert not links("lanzhou", says("lanzhou", "qingyang", 300, samples=0))


def test_what_only_one_side_says_is_no_latency_of_a_region() -> None:
    (link,) = links("lanzhou", says("lanzhou", "shanghai", 4_000))

    assert link.state is LinkState.ONE_SIDED
    assert not latencies([link], REGIONS.get)


def test_a_region_is_as_far_as_its_middle_site() -> None:
    said = [
        (says(a, b, us), says(b, a, us))
        for a, b, us in (
            ("lanzhou", "qingyang", 6_001),
            ("lanzhou", "jiuquan", 14_000),
            ("lanzhou", "shanghai", 33_000),
        )
    ]

    found = latencies(links("lanzhou", *(r for pair in said for r in pair)), REGIONS.__getitem__)

    assert found == [
        RegionLatency("east", 16_500, 1, 60, NOW_MS),
        RegionLatency("gansu", 7_000, 2, 120, NOW_MS),
    ]


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_a_lie_of_one_never_makes_it_shorter(truth_us: int, told_us: int) -> None:
    honest = says("qingyang", "lanzhou", truth_us)

    (link,) = links("lanzhou", says("lanzhou", "qingyang", told_us), honest)

    assert link.trips.p50_us >= truth_us
    assert links("qingyang", says("lanzhou", "qingyang", told_us), honest)[0].state == link.state
