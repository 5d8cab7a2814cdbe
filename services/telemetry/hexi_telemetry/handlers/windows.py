"""Closes windows from minutes up to days, and restates those that late frames change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from hexi_kit.metrics import counter

from hexi_telemetry.domain.energy.account import Account, joined
from hexi_telemetry.domain.energy.agreement import is_line
from hexi_telemetry.domain.energy.minutes import MINUTE_MS, has_stood, minute_accounts
from hexi_telemetry.domain.energy.points import united
from hexi_telemetry.domain.energy.policy import EnergyPolicies
from hexi_telemetry.domain.energy.rollup import roll_up
from hexi_telemetry.domain.energy.sensors import BRIDGE_MS
from hexi_telemetry.domain.energy.window import DAY_MS, HOUR_MS, WIDTHS_MS
from hexi_telemetry.handlers.gather import Gatherer
from hexi_telemetry.ports.streams import Sites
from hexi_telemetry.ports.windows import Closing, LogBatch, Window, WindowWork

# Frames of one site come nearly in order; a window waits this long for the last of them.
GRACE_MS = 60_000
# A reading changes what is known of the minutes around it as far as holes are bridged.
REACH_MS = BRIDGE_MS + MINUTE_MS
FARTHER = 4


class Windows:
    """Every width is closed the same way out of the next narrower one; minutes out of points."""

    def __init__(self, sites: Sites, policies: EnergyPolicies) -> None:
        self._sites, self._policies = sites, policies
        self.gather = Gatherer(sites).gather
        self._looked: dict[str, int] = {}

    async def add(self, work: WindowWork, batch: LogBatch) -> None:
        """Keep what a batch brought, and close what it made ripe."""
        await work.add(batch)
        sites = self._due(batch)
        if sites:
            await self._close(work, await work.hold(sites), 0)

    async def close_silent(self, work: WindowWork, before_ms: int) -> None:
        """Also close what ended before a moment, however silent its site is; forget the old."""
        await self._close(work, await work.hold(None), before_ms)
        await work.forget(before_ms - self._policies.kept_ms)

    def _due(self, batch: LogBatch) -> list[str]:
        """Sites whose time has come into a new minute, or that tell of one they had left."""
        due = set()
        for site_id, minute_ms in batch.points:
            newest = self._looked.get(site_id, 0)
            if minute_ms != newest:
                due.add(site_id)
                self._looked[site_id] = max(newest, minute_ms)
        return sorted(due)

    async def _close(self, work: WindowWork, held: Mapping[str, int], before_ms: int) -> None:
        if not held:
            return
        ripe_ms = {site: max(at_ms - GRACE_MS, before_ms) for site, at_ms in held.items()}
        for run in _runs(await work.fresh_minutes(ripe_ms)):
            await self._close_minutes(work, run, ripe_ms[run[0].site_id])
        for child_ms, width_ms in pairwise(WIDTHS_MS):
            windows = await work.ripe(child_ms, width_ms, ripe_ms)
            if windows:
                parts = await work.parts(windows, child_ms)
                accounts = {
                    window: joined(window.start_ms, window.start_ms + width_ms, parts[window])
                    for window in windows
                }
                await self._say(work, accounts)
                await work.settle(windows, child_ms)

    async def _close_minutes(self, work: WindowWork, run: Sequence[Window], ripe_ms: int) -> None:
        site_id, first_ms, last_ms = run[0].site_id, run[0].start_ms, run[-1].start_ms
        before_ms, after_ms = await work.beside(site_id, first_ms, last_ms)
        # Over a long silence the meters still know: its minutes are told with its end.
        low_ms = min(first_ms - REACH_MS, max(before_ms, first_ms - DAY_MS))
        high_ms = max(last_ms + REACH_MS, min(after_ms, last_ms + DAY_MS))
        high_ms = min(high_ms, ripe_ms - MINUTE_MS) // MINUTE_MS * MINUTE_MS
        low_ms = low_ms // MINUTE_MS * MINUTE_MS
        end_ms = high_ms + MINUTE_MS
        points = united(await work.cells(site_id, low_ms - BRIDGE_MS, end_ms + BRIDGE_MS))
        # The step of a meter that caught up is of all the time it stood.
        while has_stood(points, low_ms) and first_ms - low_ms < DAY_MS:
            low_ms = first_ms - min(FARTHER * (first_ms - low_ms), DAY_MS)
            points = united(await work.cells(site_id, low_ms - BRIDGE_MS, end_ms + BRIDGE_MS))
        found = minute_accounts(points, low_ms, end_ms, self._sites.carbon_of(site_id))
        await self._say(
            work, {Window(site_id, account.start_ms, MINUTE_MS): account for account in found}
        )
        await work.settle(run, 0)

    async def _say(self, work: WindowWork, accounts: Mapping[Window, Account]) -> None:
        known = await work.agreements(sorted({window.site_id for window in accounts}))
        closings = []
        for window, account in accounts.items():
            policy = self._policies.at(account.start_ms)
            place = (window.site_id, account.revision)
            is_first = place not in known and window.width_ms == HOUR_MS
            if is_first and is_line(account.pairs):
                known[place] = account.pairs
                await work.agree(*place, account.pairs)
            rollup = roll_up(window.site_id, account, policy, known.get(place))
            closings.append(Closing(rollup, account))
        told = await work.close(closings)
        if told:
            counter("telemetry.rollups_closed").add(told)


def _runs(minutes: Sequence[tuple[str, int]]) -> Iterator[list[Window]]:
    """Neighbouring minutes of one site together, for they share what is around them."""
    run: list[Window] = []
    for site_id, start_ms in minutes:
        if run and (run[-1].site_id != site_id or start_ms - run[-1].start_ms > REACH_MS):
            yield run
            run = []
        run.append(Window(site_id, start_ms, MINUTE_MS))
    if run:
        yield run
