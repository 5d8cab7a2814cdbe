"""Goal: ROUTE weighs what a tenant pays, and says whose voucher pays the rest.

Method: two sites on paper; that columns and reference agree, the ranking's own test asks.
"""

from __future__ import annotations

from typing import Any

import pytest
from hexi_scheduler.domain.hours import HOUR_MS
from hexi_scheduler.domain.offer import ClassOffer, LeaseOffer, SiteOffer, SiteStanding
from hexi_scheduler.domain.route.route import HearOffers, Route, RouteState, Submit
from hexi_scheduler.domain.route.router import Router
from hexi_scheduler.domain.route.step_route import step
from hexi_scheduler.domain.rules import Rules
from hexi_scheduler.domain.tenants import Tenants
from hexi_scheduler.domain.vouchers import Voucher, by_tenant, dated_vouchers
from hexi_scheduler.domain.workload import Demand, Resources, Workload
from hexi_scheduler.settings import route_policy
from hexi_scheduler.wire import route as wire
from hexi_scheduler.wire.workload import WorkloadReader

NOW_MS = 1_799_971_200_000  # a full hour
DEMAND = Demand(Resources(2_000, 64))
VOUCHER = Voucher("sme-01", "acme", 300, 10**6, NOW_MS, NOW_MS + 3 * HOUR_MS)


def offer(name: str, price: int, standing: SiteStanding | None = None) -> SiteOffer:
    sizes = (64_000, 65_536, 0, (), 32_000, 32_768, 32_000, 32_768, 0)
    leases = (LeaseOffer("l-1", "acme", "general", 9, price),)
    plain = ClassOffer("general", "fleet", 2, 0, *sizes, price)
    return SiteOffer(name, 1, standing or SiteStanding(True), (plain,), leases)


def route(*vouchers: Voucher, tenant: str = "acme", at_ms: int = NOW_MS, **how: Any) -> Route:
    """A site at 1,000 micro-yuan and one at 900."""
    rules = Rules(tenants=Tenants(vouchers=by_tenant(vouchers)))
    router = Router(route_policy(), rules)
    step(router, HearOffers((offer("dear", 1_000), offer("low", 900))), at_ms)
    workload = Workload("w", tenant, how.pop("demand", DEMAND), **how)
    (found,) = step(router, Submit((workload,)), at_ms)
    assert isinstance(found, Route)
    return found


def test_a_voucher_of_one_site_makes_it_the_cheaper_one() -> None:
    here = VOUCHER._replace(site_ids=("dear",))

    with_it, without = route(here), route()

    assert (without.site_id, without.voucher_id) == ("low", "")
    assert (with_it.site_id, with_it.voucher_id) == ("dear", "sme-01")
    assert with_it.choice is not None
    best, second = with_it.choice.scores
    assert (best.terms.price, best.terms.voucher, best.voucher_id) == (1_000, -300, "sme-01")
    assert (second.terms.price, second.terms.voucher, second.voucher_id) == (900, 0, "")
    assert best.terms.total == with_it.cost_micro_yuan


@pytest.mark.parametrize(
    ("changes", "how"),
    [
        ({}, {"tenant": "other"}),
        ({}, {"at_ms": NOW_MS - HOUR_MS}),
        ({}, {"at_ms": NOW_MS + 3 * HOUR_MS}),
        ({"class_ids": ("A100",)}, {}),
        ({"site_ids": ("elsewhere",)}, {}),
        ({}, {"demand": DEMAND._replace(lease_id="l-1")}),
    ],
    ids=["another tenant", "before", "after", "another class", "another site", "a lease"],
)
def test_it_pays_for_nothing_else(changes: dict[str, Any], how: dict[str, Any]) -> None:
    found = route(VOUCHER._replace(**changes), **how)

    assert found.choice is not None
    assert all(not s.voucher_id and not s.terms.voucher for s in found.choice.scores)


def test_it_pays_no_more_than_its_amount_for_a_run() -> None:
    poor = VOUCHER._replace(share_milli=1_000, amount_fen=1)

    found = route(poor, duration_s=7_200)

    assert found.choice is not None
    # One fen over two units and eight slots of two hours.
    assert found.choice.scores[0].terms.voucher == -(10_000 // 16)


def test_the_first_of_the_policy_that_covers_pays() -> None:
    second = VOUCHER._replace(voucher_id="sme-02", share_milli=900)
    other = VOUCHER._replace(class_ids=("A100",))

    assert route(VOUCHER, second).voucher_id == "sme-01"
    assert route(other._replace(voucher_id="x"), second).voucher_id == "sme-02"


def test_work_does_not_wait_for_a_greener_hour_in_which_its_voucher_is_over() -> None:
    green_later = (900,) * 12 + (0,) * 12
    standing = SiteStanding(True, pue_milli=1_200, carbon_g_per_kwh_by_hour=green_later)

    def decided(*vouchers: Voucher) -> Route:
        router = Router(route_policy(), Rules(tenants=Tenants(vouchers=by_tenant(vouchers))))
        at_ms = NOW_MS - NOW_MS % (24 * HOUR_MS) - 8 * HOUR_MS  # midnight in Shanghai
        step(router, HearOffers((offer("s", 10**6, standing),)), at_ms)
        workload = Workload("w", "acme", DEMAND, deadline_ms=at_ms + 24 * HOUR_MS, duration_s=3_600)
        (found,) = step(router, Submit((workload,)), at_ms)
        assert isinstance(found, Route)
        return found

    begun = VOUCHER._replace(from_ms=0, until_ms=NOW_MS - NOW_MS % (24 * HOUR_MS))
    assert decided().state is RouteState.WAITING
    assert decided(begun).state is RouteState.ROUTED


def test_it_is_journaled() -> None:
    found = route(VOUCHER)

    ((_, value),) = wire.entries([found], 0, 7)
    read = wire.entry(value or b"", WorkloadReader())

    assert isinstance(read, Route)
    assert (read.voucher_id, read.choice) == ("sme-01", found.choice)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"share_milli": 0}, "share_milli"),
        ({"share_milli": 1_001}, "share_milli"),
        ({"amount_fen": 0}, "amount_fen"),
        ({"until_ms": NOW_MS}, "after it begins"),
    ],
)
def test_a_voucher_that_cannot_be_is_refused(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        by_tenant([VOUCHER._replace(**changes)])


def test_a_voucher_is_in_the_policy_once() -> None:
    with pytest.raises(ValueError, match="once"):
        by_tenant([VOUCHER, VOUCHER])


def test_the_policy_says_days_of_shanghai_and_nothing_that_nobody_knows() -> None:
    said = {"voucher_id": "v", "tenant_id": "acme", "share_milli": 300, "amount_fen": 200_000}
    days = {"from": "2026-01-01", "until": "2027-01-01", "class_ids": ["A100"]}

    ((read,),) = dated_vouchers([said | days]).values()

    assert (read.from_ms, read.until_ms) == (1_767_196_800_000, 1_798_732_800_000)
    assert (read.class_ids, read.site_ids) == (("A100",), ())
    for wrong in (said, said | days | {"budget": 1}, days, said | days | {"from": "soon"}):
        with pytest.raises(ValueError):
            dated_vouchers([wrong])


@pytest.mark.parametrize(
    ("field", "value"), [("share_milli", "half"), ("amount_fen", 1.5), ("class_ids", "A100")]
)
def test_a_field_of_another_kind_is_refused(field: str, value: object) -> None:
    said = {"voucher_id": "v", "tenant_id": "acme", "share_milli": 300, "amount_fen": 200_000}
    days = {"from": "2026-01-01", "until": "2027-01-01"}

    with pytest.raises(ValueError, match=f"{field}: expected"):
        dated_vouchers([said | days | {field: value}])
