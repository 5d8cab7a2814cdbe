"""What the SOC does: moves incidents on, quarantines racks, lifts quarantines."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

from hexi_kit.errors import InvalidArgument, NotFound, Violation
from hexi_kit.ids import derive
from hexi_kit.testing import faults

from hexi_security_monitor.domain.containment import Directive
from hexi_security_monitor.domain.incident import IncidentState, Step
from hexi_security_monitor.handlers.desk import Desk
from hexi_security_monitor.ports import IncidentView, RequestKey, Work

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Quarantine:
    """What the SOC wants out of service."""

    site_id: str
    racks: tuple[str, ...]
    reason: str
    incident_id: str


async def advance(
    desk: Desk, request: RequestKey, incident_id: str, state: IncidentState, note: str
) -> IncidentView:
    """Take an incident one state further; who and when is kept."""
    async with desk.monitor.begin() as work:
        incident = _found(await work.incident(incident_id), "incident", incident_id)
        if await work.answered(request) is None:
            step = Step(state, request.principal, desk.clock.now_ms(), note)
            await work.put_incident(incident.advance(step), tell=True)
            await work.remember(request, incident_id)
        faults.point("security_monitor.before_advance")
    faults.point("security_monitor.after_advance")
    return _found(await desk.monitor.view(incident_id), "incident", incident_id)


async def quarantine(desk: Desk, request: RequestKey, wanted: Quarantine) -> Directive:
    """Take racks out of service; the SOC is bound by no blast radius, only by what exists."""
    async with desk.monitor.begin() as work:
        answered = await work.answered(request)
        if answered is not None:
            return _found(await work.directive(answered), "directive", answered)
        await _require_racks(work, wanted)
        directive = Directive(
            derive("directive", "soc", request.principal, request.key),
            wanted.site_id,
            tuple(sorted(wanted.racks)),
            active=True,
            automatic=False,
            reason=wanted.reason,
            incident_id=wanted.incident_id,
            issued_by=request.principal,
            issued_at_ms=desk.clock.now_ms(),
        )
        await work.put_directive(directive)
        await _settle_proposal(work, wanted)
        await work.remember(request, directive.directive_id)
        faults.point("security_monitor.before_directive")
    faults.point("security_monitor.after_directive")
    return directive


async def lift(desk: Desk, request: RequestKey, directive_id: str, reason: str) -> Directive:
    """End a quarantine; the racks of other directives stay where they are."""
    async with desk.monitor.begin() as work:
        directive = _found(await work.directive(directive_id), "directive", directive_id)
        if await work.answered(request) is not None:
            return directive
        directive.require_active()
        lifted = replace(
            directive,
            active=False,
            reason=reason,
            issued_by=request.principal,
            issued_at_ms=desk.clock.now_ms(),
        )
        await work.put_directive(lifted)
        await work.remember(request, directive_id)
        faults.point("security_monitor.before_lift")
    faults.point("security_monitor.after_lift")
    return lifted


async def _require_racks(work: Work, wanted: Quarantine) -> None:
    known = _found(await work.racks(wanted.site_id, 0), "site", wanted.site_id)
    unknown = sorted(set(wanted.racks) - set(known.racks))
    if unknown:
        reason = f"expected racks of {wanted.site_id}, was {unknown[0]!r}"
        raise InvalidArgument([Violation("racks", reason)])
    if wanted.incident_id:
        incident = _found(await work.incident(wanted.incident_id), "incident", wanted.incident_id)
        if incident.site_id != wanted.site_id:
            reason = f"expected an incident of {wanted.site_id}, was of {incident.site_id!r}"
            raise InvalidArgument([Violation("incident_id", reason)])


async def _settle_proposal(work: Work, wanted: Quarantine) -> None:
    """Racks that are now in quarantine need no more deciding."""
    incident = await work.incident(wanted.incident_id) if wanted.incident_id else None
    if incident is not None:
        left = tuple(r for r in incident.proposed_racks if r not in set(wanted.racks))
        await work.put_incident(replace(incident, proposed_racks=left), tell=True)


def _found(found: Found | None, kind: str, name: str) -> Found:
    if found is None:
        raise NotFound(kind, name)
    return found
