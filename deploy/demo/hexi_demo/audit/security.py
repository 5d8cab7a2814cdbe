"""The attacks became an incident, and the incident emptied the rack."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from hexi.scheduler.v1 import place_pb2
from hexi.security.v1 import security_pb2
from hexi_contracts import topics

from hexi_demo.audit.check import Check, check
from hexi_demo.audit.log import Entry, Logs

FRAME_REFUSED = "frame.refused"


def refused_frames(events: Sequence[Mapping[str, object]]) -> int:
    """Refusals of frames that the security log tells of."""
    return sum(_hexi(event).get("kind") == FRAME_REFUSED for event in events)


def checks(logs: Logs, rack: str) -> list[Check]:
    """A directive for the forged rack stands in the log, and its servers are out and empty."""
    directives = [
        e.value
        for e in logs.of(topics.SECURITY_DIRECTIVE)
        if isinstance(e.value, security_pb2.DirectiveIssued) and rack in e.value.racks
    ]
    incidents = {e.key for e in logs.of(topics.SECURITY_INCIDENT)}
    findings = [
        json.loads(e.value) for e in logs.of(topics.SECURITY_FINDING) if isinstance(e.value, bytes)
    ]
    wrong = [] if directives else [f"no directive for rack {rack}"]
    wrong += [] if incidents else ["no incident"]
    evicted = 0
    if directives:
        out, evicted, live = _emptied(logs.of(topics.SCHEDULER_PLACEMENT), directives[0].site_id)
        wrong += [] if out else ["no server was taken out"]
        wrong += [f"{name}: still on the quarantined rack" for name in live]
    counted = (
        f"{len(findings)} findings, {len(directives)} directives for {rack}, {evicted} runs moved"
    )
    name = "the forged rack became an incident and was emptied"
    return [check(name, counted, wrong, seen=len(findings))]


def _emptied(journal: Sequence[Entry], site_id: str) -> tuple[set[int], int, list[str]]:
    """Servers in quarantine at the end, how many were evicted, and who is still on them."""
    out: set[int] = set()
    live: dict[str, place_pb2.PlacementRecord] = {}
    evicted = 0
    for entry in journal:
        if not isinstance(entry.value, place_pb2.PlaceJournal) or not entry.key.startswith(
            f"{site_id}/"
        ):
            continue
        if entry.value.HasField("condition"):
            condition = entry.value.condition
            if condition.condition == place_pb2.SERVER_CONDITION_QUARANTINED:
                out = set(condition.servers)
        elif entry.value.HasField("placement"):
            record = entry.value.placement
            live.pop(record.placement_id, None)
            evicted += record.state == place_pb2.PLACEMENT_STATE_EVICTED
            if record.state in (
                place_pb2.PLACEMENT_STATE_PLACED,
                place_pb2.PLACEMENT_STATE_STARTED,
            ):
                live[record.placement_id] = record
    on_it = [p for p, r in live.items() if out.intersection(a.server for a in r.allocations)]
    return out, evicted, on_it


def _hexi(event: Mapping[str, object]) -> Mapping[str, object]:
    unmapped = event.get("unmapped")
    found = unmapped.get("hexi") if isinstance(unmapped, Mapping) else None
    return found if isinstance(found, Mapping) else {}
