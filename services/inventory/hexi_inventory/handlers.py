"""Verbs of the inventory: each loads, decides, stores and tells in one transaction."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, timezone
from typing import TypeVar

from hexi_kit.clock import Clock
from hexi_kit.errors import FailedPrecondition, NotFound
from hexi_kit.testing import faults

from hexi_inventory.domain import admission as admissions
from hexi_inventory.domain.admission import Admission, State
from hexi_inventory.domain.record import RequestKey, ServerSetRecord, SiteRecord
from hexi_inventory.domain.rules import Evidence, Finding, RuleSet
from hexi_inventory.domain.server_set import ServerSet, difference
from hexi_inventory.domain.site import Site
from hexi_inventory.ports import Inventory, Work

Found = TypeVar("Found")
SHANGHAI = timezone(timedelta(hours=8))


@dataclass(frozen=True, slots=True)
class Desk:
    """What every verb works with."""

    inventory: Inventory
    rule_set: RuleSet
    clock: Clock


async def register(
    desk: Desk, request: RequestKey, site: Site, valid_from_ms: int = 0
) -> SiteRecord:
    """Record a site's facts as a new revision, and take back an approval they no longer bear."""
    async with desk.inventory.begin() as work:
        last = await work.lock(site.site_id)
        number = await work.answered(request)
        if number is not None:
            return _found(await work.site(site.site_id, number), "site", site.site_id)
        now_ms = desk.clock.now_ms()
        findings = await _findings(desk, work, site, now_ms)
        record = SiteRecord(
            site,
            (last.revision if last else 0) + 1,
            admissions.after_facts(last.state if last else None, findings),
            valid_from_ms or now_ms,
            now_ms,
            request.principal,
        )
        await work.add_site(record)
        if last is None or record.state is not last.state:
            reason = "registered" if last is None else "facts changed"
            shown = findings if record.state is State.SUSPENDED else ()
            await _step(desk, work, record, shown, request.principal, reason)
        await work.remember(request, site.site_id, record.revision)
        faults.point("inventory.before_register")
    faults.point("inventory.after_register")
    return record


async def publish(desk: Desk, request: RequestKey, servers: ServerSet) -> ServerSetRecord:
    """Record a server set as a new revision; the same servers again are no new revision."""
    async with desk.inventory.begin() as work:
        site = _found(await work.lock(servers.site_id), "site", servers.site_id)
        number = await work.answered(request)
        if number is not None:
            found = await work.server_set(servers.site_id, number)
            return _found(found, "server set", servers.site_id)
        if site.state is State.WITHDRAWN:
            raise FailedPrecondition("the site was withdrawn and cannot come back", "state")
        last = await work.server_set(servers.site_id, 0)
        change = difference(last.servers if last else None, servers)
        if last is not None and not change:
            await work.remember(request, servers.site_id, last.revision)
            return last
        revision = (last.revision if last else 0) + 1
        now_ms = desk.clock.now_ms()
        record = ServerSetRecord(servers, revision, change, now_ms, request.principal)
        await work.add_server_set(record)
        await work.remember(request, servers.site_id, revision)
        faults.point("inventory.before_publish")
    faults.point("inventory.after_publish")
    return record


async def conform(desk: Desk, request: RequestKey, site_id: str) -> Admission:
    """Hold a site against the rules in force today, and write down what was seen."""
    async with desk.inventory.begin() as work:
        record = _found(await work.lock(site_id), "site", site_id)
        number = await work.answered(request)
        if number is not None:
            return _found(await work.admission(site_id, number), "admission", site_id)
        findings = await _findings(desk, work, record.site, desk.clock.now_ms())
        state = admissions.after_check(record.state, findings)
        await work.stand(record, state)
        checked = replace(record, state=state)
        step = await _step(desk, work, checked, findings, request.principal, "checked")
        await work.remember(request, site_id, step.step)
        faults.point("inventory.before_conform")
    faults.point("inventory.after_conform")
    return step


async def decide(
    desk: Desk, request: RequestKey, site_id: str, wanted: State, reason: str
) -> Admission:
    """A supervisor admits, suspends or withdraws."""
    async with desk.inventory.begin() as work:
        record = _found(await work.lock(site_id), "site", site_id)
        number = await work.answered(request)
        if number is not None:
            return _found(await work.admission(site_id, number), "admission", site_id)
        findings = await _findings(desk, work, record.site, desk.clock.now_ms())
        state = admissions.decide(record.state, wanted, findings)
        await work.stand(record, state)
        decided = replace(record, state=state)
        step = await _step(desk, work, decided, findings, request.principal, reason)
        await work.remember(request, site_id, step.step)
        faults.point("inventory.before_decide")
    faults.point("inventory.after_decide")
    return step


async def _findings(desk: Desk, work: Work, site: Site, now_ms: int) -> tuple[Finding, ...]:
    measured = await work.measured_pue_milli(site.site_id)
    return desk.rule_set.evaluate(Evidence(site, measured), _day(now_ms))


async def _step(
    desk: Desk,
    work: Work,
    record: SiteRecord,
    findings: tuple[Finding, ...],
    decided_by: str,
    reason: str,
) -> Admission:
    last = await work.admission(record.site.site_id, 0)
    step = Admission(
        record.site.site_id,
        (last.step if last else 0) + 1,
        record.state,
        record.site_class,
        desk.rule_set.name,
        findings,
        decided_by,
        reason,
        desk.clock.now_ms(),
        record.revision,
    )
    await work.add_admission(step)
    return step


def _day(now_ms: int) -> date:
    """Rules begin and end at midnight of the province."""
    return datetime.fromtimestamp(now_ms / 1000, SHANGHAI).date()


def _found(found: Found | None, kind: str, site_id: str) -> Found:
    if found is None:
        raise NotFound(kind, site_id)
    return found
