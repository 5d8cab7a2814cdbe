"""A site tells how often runs failed there, forgets it in time, and counts no wish as a failure."""

from __future__ import annotations

import pytest
from hexi_scheduler.domain.owed import CANCELLED
from hexi_scheduler.domain.place.failures import PRIOR_RUNS, Failures
from hexi_scheduler.domain.place.place_events import PlacementForgotten
from hexi_scheduler.domain.place.site import Site
from hexi_scheduler.domain.placement import Placement, PlacementState
from hexi_scheduler.domain.workload import Demand, Resources, Workload

WORKLOAD = Workload("w", "t", Demand(Resources(1_000, 64)))


def over(state: PlacementState, name: str = "p", **said: object) -> Placement:
    return Placement(name, WORKLOAD, 1, state, 5)._replace(**said)


@pytest.mark.parametrize(
    ("placement", "ended", "failed"),
    [
        (over(PlacementState.ENDED), 1, 0),
        (over(PlacementState.ENDED, reason="exit code 1"), 1, 0),
        (over(PlacementState.DECLINED, reason="no room"), 0, 0),
        (over(PlacementState.EVICTED, reason="failed to start: no image"), 0, 1),
        (over(PlacementState.EVICTED, reason="quarantined"), 0, 1),
        (over(PlacementState.EVICTED, reason=CANCELLED), 0, 0),
        (over(PlacementState.EVICTED, reason="maintenance m-1"), 0, 0),
        (over(PlacementState.EVICTED, reason="preempted by q", preempted_by="q"), 0, 0),
    ],
    ids=lambda value: getattr(value, "reason", None),
)
def test_what_counts(placement: Placement, ended: int, failed: int) -> None:
    site = Site("s")

    site.apply(placement._replace(state=PlacementState.PLACED, reason="", preempted_by=""))
    site.apply(placement)
    site.apply(placement)
    assert site.failures == Failures(ended, failed)
    rebuilt = Site("s")
    rebuilt.apply(placement)
    assert rebuilt.failures == site.failures
    site.apply(PlacementForgotten("p"))
    assert site.failures == Failures()


def test_one_failure_does_not_damn_a_site_and_small_changes_are_no_news() -> None:
    assert Failures().ppm == 0
    assert Failures(0, 1).ppm == 1_000_000 // (PRIOR_RUNS + 1) // 1_000 * 1_000
    assert Failures(980, 20).ppm == 19_000
    assert Failures(979, 20).ppm == 19_000
    assert Failures(0, 10**9).ppm == 990_000
