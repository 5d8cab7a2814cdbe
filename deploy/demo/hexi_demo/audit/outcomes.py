"""Every submitted workload has exactly one outcome, whatever was killed meanwhile."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable

from hexi.scheduler.v1 import place_pb2, route_pb2, workload_pb2

from hexi_demo.audit.check import Check, check
from hexi_demo.audit.log import Entry

FINAL = (
    workload_pb2.WORKLOAD_STATE_ENDED,
    workload_pb2.WORKLOAD_STATE_REFUSED,
    workload_pb2.WORKLOAD_STATE_CANCELLED,
)
LIVE = (place_pb2.PLACEMENT_STATE_PLACED, place_pb2.PLACEMENT_STATE_STARTED)


def submitted(requests: Iterable[Entry]) -> set[str]:
    """Ids of every workload that stands in the request log."""
    return {
        workload.workload_id
        for entry in requests
        if isinstance(entry.value, route_pb2.Request) and entry.value.HasField("submit")
        for workload in entry.value.submit.workloads
    }


def newest_routes(
    routes: Iterable[Entry],
) -> tuple[dict[str, route_pb2.RouteDecided], Counter[str]]:
    """Each workload's last decision, and how many final ones it ever got."""
    newest: dict[str, route_pb2.RouteDecided] = {}
    finals: Counter[str] = Counter()
    for entry in routes:
        if not isinstance(entry.value, route_pb2.RouteRecord):
            continue
        if entry.value.WhichOneof("item") != "decided":
            continue
        decided = entry.value.decided
        newest[entry.key] = decided
        finals[entry.key] += decided.state in FINAL
    return newest, finals


def placements_by_workload(
    journal: Iterable[Entry],
) -> dict[str, dict[str, place_pb2.PlacementRecord]]:
    """Workload → placement id → the newest record of that placement."""
    newest: defaultdict[str, dict[str, place_pb2.PlacementRecord]] = defaultdict(dict)
    for entry in journal:
        if isinstance(entry.value, place_pb2.PlaceJournal) and entry.value.HasField("placement"):
            record = entry.value.placement
            newest[record.workload.workload_id][record.placement_id] = record
    return newest


def outcome(
    decided: route_pb2.RouteDecided | None,
    placements: Collection[place_pb2.PlacementRecord],
) -> str:
    """The one word for how it stands with a workload; what contradicts itself begins with `!`."""
    if decided is None:
        return "!never decided"
    live = [p for p in placements if p.state in LIVE]
    ended = [p for p in placements if p.state == place_pb2.PLACEMENT_STATE_ENDED]
    state = workload_pb2.WorkloadState.Name(decided.state).removeprefix("WORKLOAD_STATE_").lower()
    if len(live) + len(ended) > 1:
        return f"!{state} with {len(live)} live and {len(ended)} ended placements"
    if decided.state == workload_pb2.WORKLOAD_STATE_ROUTED:
        if live:
            return "running" if live[0].started_at_ms else "placed"
        return "ended" if ended else "!routed and never placed"
    if live:
        return f"!{state} with a live placement"
    return state


def checks(
    acknowledged: Collection[str], requests: list[Entry], routes: list[Entry], journal: list[Entry]
) -> tuple[list[Check], Counter[str]]:
    """Check the outcomes; also how many workloads ended how."""
    known = submitted(requests)
    newest, finals = newest_routes(routes)
    placements = placements_by_workload(journal)
    words = {i: outcome(newest.get(i), placements.get(i, {}).values()) for i in sorted(known)}
    counts = Counter(words.values())
    counted = ", ".join(f"{n} {word}" for word, n in sorted(counts.items()))
    wrong = [f"{i}: {word[1:]}" for i, word in words.items() if word.startswith("!")]
    wrong += [f"{i}: {n} final decisions" for i, n in finals.items() if n > 1]
    wrong += [f"{i}: decided but never submitted" for i in newest if i not in known]
    lost = [
        f"{i}: acknowledged to the team, not in the log" for i in acknowledged if i not in known
    ]
    return [
        check("every submitted workload has exactly one outcome", counted, wrong, seen=len(known)),
        check(
            "no acknowledged submission was lost",
            f"{len(set(acknowledged))} acknowledged, {len(known)} in the log",
            lost,
            seen=len(acknowledged),
        ),
    ], counts
