"""What ROUTE costs in processor time, by the number of sites: to choose, rank, hear and defer."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from hexi_kit import ids
from hexi_scheduler.domain.hours import HOUR_MS, HOURS
from hexi_scheduler.domain.offer import ClassOffer, SiteOffer, SiteStanding
from hexi_scheduler.domain.route.route import HearOffers, Submit
from hexi_scheduler.domain.route.router import Router
from hexi_scheduler.domain.route.step_route import choose, step
from hexi_scheduler.domain.workload import Demand, Resources, Workload
from hexi_scheduler.settings import route_policy

from tests.bench.figures import show

SITES = (10, 100, 1_000)
DICE = ids.seeded(7)
SHAPES = 400


def site(number: int, revision: int = 1) -> SiteOffer:
    mix = tuple(200 + (number * 7 + hour * 13) % 300 for hour in range(HOURS))
    standing = SiteStanding(
        True, "gansu", 3, False, 1_150 + number % 200, 300, (("east", 9_000 + number),), (), mix
    )
    plain = ClassOffer(
        *("general", "fleet", 500, 0, 10**9, 10**9, 0, (), 64_000, 262_144, 64_000, 262_144, 0),
        price_micro_yuan=15_000 + DICE.randrange(2_000),
    )
    free = (400, 300, 200, 100, 50, 20, 10, 5)
    accelerated = ClassOffer(
        *("A100", "fleet", 500, 0, 10**9, 10**9, 10**7, free, 64_000, 262_144, 128_000, 524_288, 8),
        price_micro_yuan=2_500_000 + DICE.randrange(100_000),
    )
    return SiteOffer(f"site-{number:04}", revision, standing, (accelerated, plain))


def workloads(deadline_ms: int = 0) -> list[Workload]:
    """Each of another shape: as many rankings."""
    return [
        Workload(
            f"w{n}",
            "t",
            Demand(Resources(1_000 + n, 4_096, n % 3, 1_000 if n % 2 else 250)),
            deadline_ms=deadline_ms,
        )
        for n in range(SHAPES)
    ]


def each_us(
    work: Callable[[Workload], object], asked: Sequence[Workload], rounds: int = 1
) -> float:
    began_s = time.thread_time()
    for _ in range(rounds):
        for workload in asked:
            work(workload)
    return 1e6 * (time.thread_time() - began_s) / (rounds * len(asked))


def measure(sites: int) -> None:
    router = Router(route_policy())
    offers = [site(number) for number in range(sites)]
    began_s = time.thread_time()
    step(router, HearOffers(tuple(offers)), 1)
    router.board.turn_to(1)
    show("route.build", 1e3 * (time.thread_time() - began_s), "ms", sites=sites)
    asked = workloads()
    show("route.rank", each_us(lambda w: router.cheapest(w, 1), asked), "us", sites=sites)
    each_us(lambda w: choose(router, w, 1), asked)
    show("route.choose", each_us(lambda w: choose(router, w, 1), asked, 10), "us", sites=sites)
    step(router, Submit(tuple(asked)), 1)
    began_s = time.thread_time()
    newer = tuple(offer._replace(revision=2) for offer in offers)
    step(router, HearOffers(newer), 2)
    router.board.turn_to(2)
    show("route.offer", 1e6 * (time.thread_time() - began_s) / sites, "us", sites=sites)
    show("route.reopen", each_us(lambda w: router.cheapest(w, 2), asked), "us", sites=sites)
    waiting = workloads(30 * HOUR_MS)
    show("route.defer", each_us(lambda w: choose(router, w, 3), waiting), "us", sites=sites)
    show("route.defer-again", each_us(lambda w: choose(router, w, 3), waiting), "us", sites=sites)


def main() -> None:
    for sites in SITES:
        measure(sites)
