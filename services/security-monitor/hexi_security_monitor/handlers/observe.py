"""Judges security events: which rules they meet, and which of those fire."""

from __future__ import annotations

from collections import Counter

from hexi_kit.metrics import counter
from hexi_kit.testing import faults

from hexi_security_monitor.domain.detect import of_event
from hexi_security_monitor.domain.event import Event, Verdict
from hexi_security_monitor.domain.rules import Rule
from hexi_security_monitor.domain.window import Entry, Window
from hexi_security_monitor.handlers.desk import Desk, day_of, raise_finding
from hexi_security_monitor.ports import Batch, Work


async def observe(desk: Desk, batch: Batch[Event]) -> None:
    """Judge a batch; findings, counts and the mark commit together."""
    verdicts: Counter[Verdict] = Counter()
    async with desk.monitor.begin() as work:
        windows = _Windows(work)
        for event in await work.fresh(batch):
            verdicts[await _judge(desk, work, windows, event)] += 1
        await windows.save()
        await work.count(batch.topic, verdicts)
        faults.point("security_monitor.before_observe")
    faults.point("security_monitor.after_observe")
    for verdict, number in verdicts.items():
        counter("security.events_counted").add(number, {"verdict": verdict.value})


async def _judge(desk: Desk, work: Work, windows: _Windows, event: Event) -> Verdict:
    verdict = Verdict.UNMATCHED
    for rule in desk.rules.matching(event, day_of(event.time_ms)):
        entries = await windows.observe(rule, event)
        outcome = Verdict.MATCHED
        if entries:
            racks = await _racks(work, event)
            outcome = await raise_finding(desk, work, rule, of_event(rule, event, entries, racks))
        # Shed only if no rule kept it.
        verdict = Verdict.MATCHED if verdict is Verdict.MATCHED else outcome
    return verdict


async def _racks(work: Work, event: Event) -> tuple[str, ...]:
    """The racks an event may draw in: those it names, or those its servers stand in."""
    if not event.names_own_racks:
        return ()
    known = await work.racks(event.site_id, event.server_set_revision)
    if event.racks:
        # Names nobody published would be a way to fill directives with anything.
        return tuple(r for r in event.racks if known is None or r in set(known.racks))
    if known is None or not event.count:
        return ()
    return known.racks_of(event.first_server, event.count)


class _Windows:
    """The windows a batch touches: each read once and written once."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._windows: dict[tuple[str, str], Window] = {}

    async def observe(self, rule: Rule, event: Event) -> tuple[Entry, ...]:
        """The events of a finding, if this one completes it."""
        entry = (event.time_ms, event.uid)
        if rule.threshold == 1:
            return (entry,)
        place = (rule.rule_id, rule.group_of(event))
        window = self._windows.get(place)
        if window is None:
            window = await self._work.window(*place)
        self._windows[place], fired = window.observe(entry, rule.threshold, rule.window_ms)
        return fired

    async def save(self) -> None:
        for (rule_id, group), window in sorted(self._windows.items()):
            await self._work.put_window(rule_id, group, window)
