"""Reads every log and the database once and asks each check of the audit."""

from __future__ import annotations

import json
from collections.abc import Sequence

from hexi.settlement.v1 import settlement_pb2
from hexi.settlement.v1 import settlement_service_pb2 as settlement
from hexi_contracts import topics
from hexi_kit.clock import clock_from

from hexi_demo.assault import Assault
from hexi_demo.audit import (
    capacity,
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
from hexi_demo.month import month_of
from hexi_demo.requests import TENANTS
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
    summary.checks += security.checks(logs, assault.rack)
    newest = outcomes.placements_by_workload(journal)
    placements = [record for records in newest.values() for record in records.values()]
    summary.checks += usage.checks(logs.of(topics.SCHEDULER_USAGE), placements)
    summary.checks += money.trade_checks(logs.of(topics.MARKETPLACE_TRADE), books)
    usages, _, _ = usage.distinct(logs.of(topics.SCHEDULER_USAGE))
    summary.checks += money.usage_checks(usages, books, await invoices(stage))
    summary.checks += trace.checks(logs.of(topics.SCHEDULER_REQUEST), usages, books)
    summary.checks += money.balance_checks(books, logs.of(topics.SETTLEMENT_TRANSFER))
    summary.figures |= {f"workloads {word}": n for word, n in sorted(counts.items())}
    return summary


async def invoices(stage: Stage) -> dict[str, settlement_pb2.InvoiceIssued]:
    """The bill of each tenant as the service itself tells it."""
    clock = clock_from(stage.hexi.environment["HEXI_CLOCK"])
    month = month_of(clock.now_ms())
    found = {}
    for tenant in TENANTS:
        stub = await stage.doors.settlement(f"tenant-{tenant}")
        answer = await stub.GetInvoice(
            settlement.GetInvoiceRequest(tenant_id=tenant, month=month),
            timeout=30,
            wait_for_ready=True,
        )
        found[tenant] = answer.invoice
    return found
