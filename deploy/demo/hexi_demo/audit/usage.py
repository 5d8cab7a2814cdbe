"""Usage is whole: each placement is billed once, from its start to its end, without a hole."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from hexi.scheduler.v1 import place_pb2

from hexi_demo.audit.check import Check, check
from hexi_demo.audit.log import Entry

BILLED = (place_pb2.USAGE_KIND_WINDOW, place_pb2.USAGE_KIND_ENDED)
OVER = (place_pb2.PLACEMENT_STATE_ENDED, place_pb2.PLACEMENT_STATE_EVICTED)


def distinct(usages: Iterable[Entry]) -> tuple[dict[str, place_pb2.Usage], int, list[str]]:
    """Usage by id, how many repeats there were, and repeats that differ from the first."""
    found: dict[str, place_pb2.Usage] = {}
    repeats, differing = 0, []
    for entry in usages:
        if not isinstance(entry.value, place_pb2.UsageBatch):
            continue
        for usage in entry.value.usages:
            first = found.setdefault(usage.usage_id, usage)
            if first is not usage:
                repeats += 1
                if first != usage:
                    differing.append(f"{usage.usage_id}: repeated with other content")
    return found, repeats, differing


def checks(usages: list[Entry], placements: Iterable[place_pb2.PlacementRecord]) -> list[Check]:
    """Compare the billing events with the runs the placement journal knows."""
    found, repeats, wrong = distinct(usages)
    spans: defaultdict[str, list[place_pb2.Usage]] = defaultdict(list)
    for usage in found.values():
        if usage.kind in BILLED:
            spans[usage.placement_id].append(usage)
    ended = 0
    for record in placements:
        billed = sorted(spans.get(record.placement_id, []), key=lambda u: (u.start_ms, u.end_ms))
        wrong += _holes(record, billed)
        if record.state in OVER and record.started_at_ms:
            ended += 1
            wrong += _whole(record, billed)
    kinds = Counter(u.kind for u in found.values())
    counted = (
        f"{len(found)} events ({kinds[place_pb2.USAGE_KIND_WINDOW]} windows), {repeats} repeats "
        f"dropped by id, {ended} runs billed to the end"
    )
    return [check("every run is billed once, without a hole", counted, wrong, seen=len(found))]


def _holes(record: place_pb2.PlacementRecord, billed: list[place_pb2.Usage]) -> list[str]:
    wrong = []
    at_ms = record.started_at_ms
    for usage in billed:
        if usage.start_ms != at_ms:
            wrong.append(f"{record.placement_id}: billed from {usage.start_ms}, expected {at_ms}")
        if usage.unit_ms != usage.units * (usage.end_ms - usage.start_ms):
            wrong.append(f"{usage.usage_id}: unit_ms is not units x time")
        at_ms = usage.end_ms
    return wrong


def _whole(record: place_pb2.PlacementRecord, billed: list[place_pb2.Usage]) -> list[str]:
    total_ms = sum(usage.end_ms - usage.start_ms for usage in billed)
    if total_ms == record.ended_at_ms - record.started_at_ms:
        return []
    ran_ms = record.ended_at_ms - record.started_at_ms
    return [f"{record.placement_id}: ran {ran_ms} ms, billed {total_ms} ms"]
