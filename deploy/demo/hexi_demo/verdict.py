"""Reads every log and the database once and asks each check of the audit."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from hexi.settlement.v1 import settlement_pb2
from hexi.settlement.v1 import settlement_service_pb2 as settlement
from hexi.telemetry.v1 import measure_service_pb2 as measure
from hexi_contracts import topics

from hexi_demo.assault import Assault
from hexi_demo.audit import (
    capacity,
    energy,
    frames,
    ledger,
    log,
    money,
    outcomes,
    security,
    signatures,
    trace,
    usage,
)
from hexi_demo.measured import MEASURED, Measured
from hexi_demo.province import ALL_SITES
from hexi_demo.stage import Stage
from hexi_demo.summary import Summary


async def judge(stage: Stage, acknowledged: Sequence[str], assault: Assault) -> Summary:
    """All checks, in the order of the main path."""
    logs = await log.read(stage.hexi.kafka, stage.cast.of("supervisor"), topics.ALL)
    books = await ledger.read(stage.hexi.dsn())
    journal = logs.of(topics.SCHEDULER_PLACEMENT)
    summary = Summary()
    found, counts = outcomes.checks(
        acknowledged, logs.of(topics.SCHEDULER_REQUEST), logs.of(topics.SCHEDULER_ROUTE), journal
    )
    summary.checks += found
    summary.checks += capacity.checks(journal)
    events = [
        json.loads(e.value) for e in logs.of(topics.SECURITY_EVENT) if isinstance(e.value, bytes)
    ]
    summary.checks += frames.checks(
        stage.agents.sent(),
        logs.of(topics.TELEMETRY_FRAME),
        logs.of(topics.TELEMETRY_GAP),
        assault.forged,
        security.refused_frames(events),
    )
    authority = stage.cast.of("supervisor").authority()
    frame_log = logs.of(topics.TELEMETRY_FRAME)
    summary.checks += signatures.checks(logs.of(topics.TELEMETRY_KEY), frame_log, authority)
    summary.checks += energy.checks(frame_log, logs.of(topics.TELEMETRY_ROLLUP))
    summary.checks += security.checks(logs, assault.rack)
    newest = outcomes.placements_by_workload(journal)
    placements = [record for records in newest.values() for record in records.values()]
    summary.checks += usage.checks(logs.of(topics.SCHEDULER_USAGE), placements)
    summary.checks += money.trade_checks(logs.of(topics.MARKETPLACE_TRADE), books)
    usages, _, _ = usage.distinct(logs.of(topics.SCHEDULER_USAGE))
    owing = money.due_micro_yuan(money.lines(usages.values()))
    summary.checks += money.usage_checks(usages, books, await invoices(stage, owing))
    summary.checks += trace.checks(logs.of(topics.SCHEDULER_REQUEST), usages, books)
    summary.checks += money.balance_checks(books, logs.of(topics.SETTLEMENT_TRANSFER))
    summary.figures |= {f"workloads {word}": n for word, n in sorted(counts.items())}
    summary.figures |= await measured_figures(stage, logs)
    return summary


async def measured_figures(stage: Stage, logs: log.Logs) -> dict[str, int | str]:
    """What telemetry knows of the province at the end, and how it grades its sites."""
    measured = Measured()
    for topic in MEASURED:
        for entry in logs.of(topic):
            measured.hear(entry.value)
    found: dict[str, int | str] = {
        f"frames signed with {name}": n for name, n in sorted(measured.signed.items())
    }
    found["keys stated"] = measured.keys
    found["gaps"] = ", ".join(f"{n} {cause}" for cause, n in measured.gaps.items()) or "none"
    quarter = measured.province()
    if quarter is not None:
        found["the province, a quarter of an hour"] = quarter.text()
    return found | await grades(stage)


async def grades(stage: Stage) -> dict[str, int | str]:
    """The grade of each dimension of which something was measured, site by site."""
    stub = await stage.doors.measures("soc")
    found: dict[str, int | str] = {}
    for facts in ALL_SITES:
        request = measure.ListGradesRequest(site_id=facts.site_id)
        answer = await stub.ListGrades(request, timeout=30, wait_for_ready=True)
        deciding = [f"{g.dimension} {g.grade}" for g in answer.grades if g.decides and g.grade]
        found[f"{facts.name_zh} {facts.name_en}, grades"] = ", ".join(deciding) or "none"
    return found


async def invoices(
    stage: Stage, bills: Iterable[money.BillOf]
) -> dict[money.BillOf, settlement_pb2.InvoiceIssued]:
    """Each bill as the service itself tells it."""
    found = {}
    for tenant, month in bills:
        stub = await stage.doors.settlement(f"tenant-{tenant}")
        answer = await stub.GetInvoice(
            settlement.GetInvoiceRequest(tenant_id=tenant, month=month),
            timeout=30,
            wait_for_ready=True,
        )
        found[tenant, month] = answer.invoice
    return found
