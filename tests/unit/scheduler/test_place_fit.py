"""What is looked for first and asked after stands where pools that are shut were never looked at.

Method: random sites fill up; each choice is beside that among the open pools alone.
"""

from __future__ import annotations

from hexi_scheduler.domain.facts import Reservation, Server, ServerSet, SiteFacts
from hexi_scheduler.domain.place.answers import placed
from hexi_scheduler.domain.place.bounds import Bounds
from hexi_scheduler.domain.place.held import held_for
from hexi_scheduler.domain.place.place_commands import PlaceItem
from hexi_scheduler.domain.place.place_events import ReservationChanged
from hexi_scheduler.domain.place.place_fit import find_room
from hexi_scheduler.domain.place.policy import Packing
from hexi_scheduler.domain.place.pool import Pool
from hexi_scheduler.domain.place.site import Site
from hexi_scheduler.domain.placement import Allocation
from hexi_scheduler.domain.workload import Demand, Resources, Workload
from hexi_scheduler.settings import packing_rules
from hypothesis import given, settings
from hypothesis import strategies as st

NOW_MS = 1_800_000_000_000
HOUR_MS = 3_600_000
CLASSES = ("A100", "H100", "T4")
POLICY = Packing(packing_rules())
units = st.integers(0, 6)
racks = st.lists(st.tuples(st.sampled_from(CLASSES), st.integers(1, 4)), min_size=1, max_size=6)
items = st.lists(
    st.tuples(st.integers(1, 2), st.sampled_from([250, 1_000]), st.sampled_from([0, 10, 20])),
    max_size=20,
)


def site_of(servers: list[tuple[str, int]], prices: list[int], leased: int) -> Site:
    site = Site("s")
    listed = tuple(zip(CLASSES, prices, strict=True))
    site.apply(SiteFacts(1, True, "gansu", 3, True, 1_200, 200, listed))
    fleet = [Server("r", kind, "fleet", 64_000, 65_536, devices) for kind, devices in servers]
    site.apply(ServerSet(1, tuple(fleet)))
    if leased:
        lease = Reservation("l", "other", "A100", leased, NOW_MS, NOW_MS + HOUR_MS, 1)
        site.apply(ReservationChanged(lease))
    return site


def among_open(site: Site, demand: Demand, spare: dict[str, int]) -> Allocation | None:
    def is_open(pool: Pool) -> bool:
        kind = pool.kind[0]
        held = spare.get(kind, 0) + held_for(site, kind, "fleet")
        dear = 0 < demand.price_micro_yuan_max < site.prices[kind]
        return not dear and (not held or pool.units_free - demand.units >= held)

    tiers = tuple(tuple(filter(is_open, pools)) for pools in site.case(demand).tiers)
    return POLICY.choose(site.capacity, site.mix, tiers, demand.resources)


@given(racks, st.lists(st.sampled_from([5, 15]), min_size=3, max_size=3), units, units, items)
@settings(max_examples=150, deadline=None)
def test_the_choice_is_that_among_the_open_pools(servers, prices, leased, kept, asked) -> None:
    site = site_of(servers, prices, leased)
    spare = {"H100": kept, "A100": kept // 2}
    for number, (devices, milli, ceiling) in enumerate(asked):
        demand = Demand(Resources(1_000, 1, devices, milli), price_micro_yuan_max=ceiling)
        item = PlaceItem(f"p{number}", 1, Workload(f"w{number}", "t", demand))

        expected = among_open(site, demand, spare)
        found = find_room(site, item.workload, NOW_MS, POLICY, Bounds(spare=spare))

        assert (found.allocations if found else ()) == ((expected,) if expected else ())
        if found:
            site.apply(placed(site, item, NOW_MS, found))
