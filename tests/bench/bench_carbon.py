"""How much of the carbon that a perfect forecast would save ROUTE saves with the forecast it has.

Jobs of four hours with a day of slack arrive every third hour of a year at one site whose mix is
the recorded one of a grid. Every hour the site says its forecast anew, and ROUTE, by its own
`step`, lets the jobs wait or go. Runs of a day with two days of slack are shown beside: whole, and
in pieces, which lose the interval between two checkpoints with each stop.
"""

from __future__ import annotations

import csv
import gzip
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from hexi_scheduler.domain.hours import HOUR_MS, HOURS, ByHour, hour_of_day
from hexi_scheduler.domain.offer import ClassOffer, SiteOffer, SiteStanding
from hexi_scheduler.domain.owed import PlaceOutcome, Report
from hexi_scheduler.domain.route.route import HearOffers, HearReports, Route, RouteState, Submit
from hexi_scheduler.domain.route.router import Router
from hexi_scheduler.domain.route.step_route import step
from hexi_scheduler.domain.workload import Demand, Resources, Workload
from hexi_scheduler.settings import route_policy

from tests.bench.figures import show

RUN_H, SLACK_H, EVERY_H = 4, 24, 3
LONG_RUN_H, LONG_SLACK_H, LONG_EVERY_H, CHECKPOINT_S = 24, 48, 18, 120
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


class LongRuns:
    """A site that runs for an hour what ROUTE sends, and stops what ROUTE wants to stop."""

    def __init__(self, measured: list[int], days: int, ahead_h: int) -> None:
        self._router = Router(route_policy()._replace(defer_margin_s=0, pause_ahead_h=ahead_h))
        self._measured, self._days = measured, days
        self._routes: dict[str, Route] = {}
        self._left_s: dict[str, int] = {}
        self._ran_s: dict[str, int] = {}
        self.grams = self.at_once = 0
        self.stops = self.jobs = 0

    def play(self) -> None:
        last = len(self._measured) - LONG_RUN_H - LONG_SLACK_H - 1
        for hour in range(WARM_UP_H, len(self._measured)):
            at_ms = hour * HOUR_MS
            before = self._measured[max(0, hour - DAYS * HOURS) : hour]
            mix = from_midnight(same_hour_mean(before, self._days), hour_of_day(at_ms))
            standing = SiteStanding(True, pue_milli=1_200, carbon_g_per_kwh_by_hour=mix)
            self._ask(HearOffers((SiteOffer("s", hour, standing, (ROOMY,)),)), at_ms)
            self._stop(at_ms)
            if hour % LONG_EVERY_H == 0 and hour < last:
                self._submit(hour)
            self._run(hour)

    def _submit(self, hour: int) -> None:
        name, at_ms = f"w{hour}", hour * HOUR_MS
        self.jobs += 1
        self._left_s[name] = LONG_RUN_H * 3_600
        self.at_once += sum(self._measured[hour : hour + LONG_RUN_H])
        job = Workload(
            name,
            "t",
            DEMAND,
            deadline_ms=at_ms + (LONG_SLACK_H + LONG_RUN_H) * HOUR_MS,
            duration_s=LONG_RUN_H * 3_600,
            interruptible=True,
            checkpoint_interval_s=CHECKPOINT_S,
        )
        self._ask(Submit((job,)), at_ms)

    def _run(self, hour: int) -> None:
        for name, route in list(self._routes.items()):
            if route.state is RouteState.ROUTED:
                ran_s = min(3_600, self._left_s[name] - self._ran_s.get(name, 0))
                self.grams += self._measured[hour] * ran_s
                self._ran_s[name] = self._ran_s.get(name, 0) + ran_s
                if self._ran_s[name] >= self._left_s[name]:
                    at_ms = hour * HOUR_MS + ran_s * 1_000
                    assert at_ms <= route.workload.deadline_ms, "too late"
                    self._report(name, PlaceOutcome.ENDED, 0, at_ms)
                    del self._routes[name]

    def _stop(self, at_ms: int) -> None:
        for name, route in list(self._routes.items()):
            if route.pause_requested:
                self.stops += 1
                kept_s = max(0, self._ran_s.pop(name, 0) - CHECKPOINT_S)
                self._left_s[name] -= kept_s
                self._report(name, PlaceOutcome.EVICTED, kept_s * 1_000, at_ms)

    def _report(self, name: str, outcome: PlaceOutcome, kept_ms: int, at_ms: int) -> None:
        attempt = self._routes[name].attempt
        self._ask(HearReports((Report(name, attempt, outcome, "", kept_ms),)), at_ms)

    def _ask(self, request: Submit | HearOffers | HearReports, at_ms: int) -> None:
        for found in step(self._router, request, at_ms):
            if isinstance(found, Route):
                self._routes[found.workload.workload_id] = found


def long_runs(found: list[tuple[str, list[int]]]) -> None:
    """What ROUTE saves of long runs, against running them at once; lost time costs energy only."""
    ahead_h = route_policy().pause_ahead_h
    kinds = (("whole", DAYS, 0), ("in-pieces", 1, ahead_h), ("in-pieces", DAYS, ahead_h))
    for how, days, hours in kinds:
        all_of = [LongRuns(measured, days, hours) for _, measured in found]
        for one in all_of:
            one.play()
        at_once = sum(one.at_once for one in all_of) * 3_600
        saving = 100 - 100 * sum(one.grams for one in all_of) / at_once
        stops = sum(one.stops for one in all_of) / sum(one.jobs for one in all_of)
        more = {"forecast_days": days, "stops_per_run": round(stops, 2)}
        show(f"carbon.long-runs.{how}", saving, "% saved of running at once", **more)


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
    if found:
        long_runs(found)
