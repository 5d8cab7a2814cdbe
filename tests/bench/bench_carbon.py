"""How much of the carbon that a perfect forecast would save ROUTE saves with the forecast it has.

Jobs of four hours with a day of slack arrive every third hour of a year at one site whose mix is
the recorded one of a grid. Every hour the site says its forecast anew, and ROUTE, by its own
`step`, lets the jobs wait or go.
"""

from __future__ import annotations

import csv
import gzip
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from hexi_scheduler.domain.hours import HOUR_MS, HOURS, ByHour, hour_of_day
from hexi_scheduler.domain.offer import ClassOffer, SiteOffer, SiteStanding
from hexi_scheduler.domain.route.route import HearOffers, Route, RouteState, Submit
from hexi_scheduler.domain.route.router import Router
from hexi_scheduler.domain.route.step_route import step
from hexi_scheduler.domain.workload import Demand, Resources, Workload
from hexi_scheduler.settings import route_policy

from tests.bench.figures import show

RUN_H, SLACK_H, EVERY_H = 4, 24, 3
DAYS = 28
WARM_UP_H = DAYS * HOURS
LIFE_CYCLE = "(LCA)"
ROOMY = ClassOffer(
    "A100", "fleet", 1_000, 0, 10**9, 10**9, 10**9, (1_000,), 64_000, 10**6, 64_000, 10**6, 1, 1
)
DEMAND = Demand(Resources(4_000, 16_384, 1))


def series() -> Iterator[tuple[str, list[int]]]:
    """Grams a kWh, hour by hour."""
    beside = Path(__file__).resolve().parents[3] / "shared" / "data"
    folder = Path(os.environ.get("HEXI_DATA", beside)) / "carbon"
    for path in sorted(folder.glob("*_hourly.csv.gz")):
        with gzip.open(path, "rt", encoding="utf-8", newline="") as text:
            rows = csv.DictReader(text)
            column = next(name for name in rows.fieldnames or () if LIFE_CYCLE in name)
            yield path.name.split("_")[0], [round(float(row[column])) for row in rows]


def same_hour_mean(measured: Sequence[int], days: int = DAYS) -> ByHour:
    """By hour after the last one measured: the mean of that hour over the last days.

    One day of it is "as yesterday". Weather moves a single day, the sun and habits move all.
    """
    whole = min(days, len(measured) // HOURS)
    if not whole:
        return ()
    last = measured[len(measured) - whole * HOURS :]
    return tuple(sum(last[hour::HOURS]) // whole for hour in range(HOURS))


def from_midnight(ahead: ByHour, hour: int) -> ByHour:
    """The same 24 values by hour of the day, when the first of them is that of `hour`."""
    return tuple(ahead[(at - hour) % HOURS] for at in range(HOURS))


def played(measured: list[int], days: int) -> tuple[int, int, int]:
    """Grams at the starts that ROUTE chose, at once, and at the best ones."""
    router = Router(route_policy()._replace(defer_margin_s=0))
    windows = [sum(measured[at : at + RUN_H]) for at in range(len(measured) - RUN_H)]
    chosen = at_once = best = 0
    submitted: dict[str, int] = {}
    for hour in range(WARM_UP_H, len(windows)):
        at_ms = hour * HOUR_MS
        ahead = same_hour_mean(measured[max(0, hour - DAYS * HOURS) : hour], days)
        mix = from_midnight(ahead, hour_of_day(at_ms))
        standing = SiteStanding(True, pue_milli=1_200, carbon_g_per_kwh_by_hour=mix)
        events = step(router, HearOffers((SiteOffer("s", hour, standing, (ROOMY,)),)), at_ms)
        if hour % EVERY_H == 0 and hour + SLACK_H < len(windows):
            deadline_ms = at_ms + (SLACK_H + RUN_H) * HOUR_MS
            job = Workload(
                f"w{hour}", "t", DEMAND, deadline_ms=deadline_ms, duration_s=RUN_H * 3_600
            )
            submitted[job.workload_id] = hour
            events.extend(step(router, Submit((job,)), at_ms))
        for event in events:
            if isinstance(event, Route) and event.state is RouteState.ROUTED:
                began = submitted.pop(event.workload.workload_id)
                assert hour <= began + SLACK_H, "later than its latest start"
                chosen += windows[hour]
                at_once += windows[began]
                best += min(windows[began : began + SLACK_H + 1])
    assert not submitted, "left waiting"
    return chosen, at_once, best


def main() -> None:
    found = list(series())
    if not found:
        show("carbon.skipped", 0, "", reason="no carbon series; set HEXI_DATA")
    for forecast, days in (("yesterday", 1), ("same hour of 7 days", 7), ("of 28 days", DAYS)):
        saved = possible = 0
        shares = []
        for name, measured in found:
            chosen, at_once, best = played(measured, days)
            share = 100 * (at_once - chosen) / (at_once - best)
            shares.append(share)
            saved, possible = saved + at_once - chosen, possible + at_once - best
            more = {
                "forecast": forecast,
                "saving_percent": round(100 * (at_once - chosen) / at_once, 1),
                "perfect_percent": round(100 * (at_once - best) / at_once, 1),
            }
            show(f"carbon.{name}", share, "% of the perfect saving", **more)
        if possible:
            mean = round(sum(shares) / len(shares), 1)
            share = 100 * saved / possible
            show("carbon.all", share, "% of the perfect saving", forecast=forecast, mean=mean)
