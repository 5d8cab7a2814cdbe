"""Admission steps, both ways, and the metered intervals that bear on them."""

from __future__ import annotations

from hexi.inventory.v1 import inventory_pb2 as pb
from hexi.telemetry.v1 import telemetry_pb2
from hexi_kit.errors import Poison

from hexi_inventory.domain.admission import Admission
from hexi_inventory.domain.record import Rollup
from hexi_inventory.domain.rules import Finding
from hexi_inventory.domain.site import SiteClass
from hexi_inventory.wire.site import SITE_ID, TIME_MS_MAX, state_number, state_of

INT64_MAX = 2**63 - 1
PPM = 1_000_000


def admission_message(step: Admission) -> pb.AdmissionChanged:
    return pb.AdmissionChanged(
        site_id=step.site_id,
        state=state_number(step.state),
        site_class=pb.SiteClass.ValueType(step.site_class),
        rule_set=step.rule_set,
        findings=[
            pb.RuleFinding(
                rule_id=finding.rule_id,
                subject=finding.subject,
                value=finding.value,
                limit=finding.limit,
                unit=finding.unit,
                effective_from=finding.effective_from,
                source=finding.source,
                passed=finding.passed,
                advisory=finding.advisory,
            )
            for finding in step.findings
        ],
        decided_by=step.decided_by,
        reason=step.reason,
        decided_at_ms=step.decided_at_ms,
        site_revision=step.site_revision,
    )


def admission_of(message: pb.AdmissionChanged, step: int) -> Admission:
    return Admission(
        message.site_id,
        step,
        state_of(message.state),
        SiteClass(message.site_class),
        message.rule_set,
        tuple(
            Finding(
                finding.rule_id,
                finding.subject,
                finding.value,
                finding.limit,
                finding.unit,
                finding.effective_from,
                finding.source,
                finding.passed,
                finding.advisory,
            )
            for finding in message.findings
        ),
        message.decided_by,
        message.reason,
        message.decided_at_ms,
        message.site_revision,
    )


def rollup_of(message: telemetry_pb2.RollupClosed) -> Rollup:
    """A metered interval.

    Raises:
        Poison: the record cannot be true.
    """
    if not SITE_ID.fullmatch(message.site_id):
        raise Poison(f"expected a site id, was {message.site_id[:80]!r}")
    if not 0 <= message.start_ms < message.end_ms <= TIME_MS_MAX:
        raise Poison(f"expected an interval, was {message.start_ms} to {message.end_ms}")
    energies = (message.it_energy_ws, message.facility_energy_ws, message.revision)
    if max(energies) > INT64_MAX or message.coverage_ppm > PPM:
        raise Poison("expected energies, revision and coverage in bounds, was more")
    return Rollup(
        message.site_id,
        message.start_ms,
        message.end_ms,
        message.revision,
        message.it_energy_ws,
        message.facility_energy_ws,
        message.coverage_ppm,
    )
