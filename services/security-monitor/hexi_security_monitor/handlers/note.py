"""Notes what is heard only to be known or counted: sites, their standing, postings, gaps."""

from __future__ import annotations

from dataclasses import replace

from hexi_security_monitor.domain.clocks import SiteStanding
from hexi_security_monitor.domain.event import Verdict
from hexi_security_monitor.handlers.desk import Desk
from hexi_security_monitor.ports import Batch


async def note_sites(desk: Desk, batch: Batch[SiteStanding]) -> None:
    """Remember the newest facts of each site."""
    async with desk.monitor.begin() as work:
        sites = await work.fresh(batch)
        for site in sites:
            await work.put_standing(site)
        await work.count(batch.topic, {Verdict.UNMATCHED: len(sites)})


async def note_admissions(desk: Desk, batch: Batch[tuple[str, bool]]) -> None:
    """A site that is no longer admitted is no longer watched for silence."""
    async with desk.monitor.begin() as work:
        steps = await work.fresh(batch)
        for site_id, admitted in steps:
            known = await work.standing(site_id)
            await work.put_standing(replace(known, admitted=admitted))
        await work.count(batch.topic, {Verdict.UNMATCHED: len(steps)})


async def count_only(desk: Desk, batch: Batch[None]) -> None:
    """No rule asks for these, so they are counted as unmatched."""
    async with desk.monitor.begin() as work:
        heard = await work.fresh(batch)
        await work.count(batch.topic, {Verdict.UNMATCHED: len(heard)})
