"""Follows frames and server sets, and finds racks that fell silent."""

from __future__ import annotations

from collections import Counter

from hexi_kit.metrics import counter
from hexi_kit.testing import faults

from hexi_security_monitor.domain.detect import of_silence
from hexi_security_monitor.domain.event import Verdict
from hexi_security_monitor.domain.watch import RackMap, Reading, Silence, Watch
from hexi_security_monitor.handlers.desk import Desk, day_of, raise_finding
from hexi_security_monitor.ports import Batch, Work


async def watch_frames(desk: Desk, batch: Batch[Reading]) -> None:
    """Take in readings; a frame that shows a rack silent is matched, any other is not."""
    verdicts: Counter[Verdict] = Counter()
    async with desk.monitor.begin() as work:
        watches: dict[str, Watch | None] = {}
        for reading in await work.fresh(batch):
            if reading.site_id not in watches:
                watches[reading.site_id] = await work.watch(reading.site_id)
            watch, fallen = await _read(desk, work, watches[reading.site_id], reading)
            watches[reading.site_id] = watch
            verdict = Verdict.UNMATCHED
            for silence in fallen:
                verdict = await _raise(desk, work, silence)
            verdicts[verdict] += 1
        for _, changed in sorted(watches.items()):
            if changed is not None:
                await work.put_watch(changed)
        await work.count(batch.topic, verdicts)
        faults.point("security_monitor.before_watch")
    faults.point("security_monitor.after_watch")
    for verdict, number in verdicts.items():
        counter("security.events_counted").add(number, {"verdict": verdict.value})


async def note_racks(desk: Desk, batch: Batch[RackMap]) -> None:
    """Remember which server stands in which rack."""
    async with desk.monitor.begin() as work:
        maps = await work.fresh(batch)
        for racks in maps:
            await work.put_racks(racks)
            known = await work.watch(racks.site_id)
            if known is None or known.racks.revision < racks.revision:
                await work.put_watch(Watch.begin(racks, known))
        await work.count(batch.topic, {Verdict.UNMATCHED: len(maps)})


async def _read(
    desk: Desk, work: Work, watch: Watch | None, reading: Reading
) -> tuple[Watch | None, tuple[Silence, ...]]:
    rule = desk.rules.silence(day_of(reading.observed_at_ms))
    if watch is None or rule is None:
        return watch, ()
    after, fallen = watch.read(reading, rule.periods)
    if fallen and not (await work.standing(reading.site_id)).admitted:
        return after, ()
    return after, fallen


async def _raise(desk: Desk, work: Work, silence: Silence) -> Verdict:
    rule = desk.rules.silence(day_of(silence.noticed_at_ms))
    if rule is None:
        return Verdict.UNMATCHED
    return await raise_finding(desk, work, rule, of_silence(rule, silence))
