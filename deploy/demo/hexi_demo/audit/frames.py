"""Frames sent = accepted + refused + gaps, stream by stream."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from hexi.telemetry.v1 import telemetry_pb2

from hexi_demo.audit.check import Check, check
from hexi_demo.audit.log import Entry

Stream = tuple[str, str, int]


def accepted(frames: Iterable[Entry]) -> dict[Stream, list[int]]:
    """Sequences of each stream (site, agent, epoch) as they stand in the frame log."""
    found: defaultdict[Stream, list[int]] = defaultdict(list)
    for entry in frames:
        if isinstance(entry.value, telemetry_pb2.SignedFrame):
            frame = telemetry_pb2.Frame.FromString(entry.value.frame)
            found[frame.site_id, frame.agent_id, frame.epoch].append(frame.sequence)
    return found


def missing(gaps: Iterable[Entry]) -> dict[Stream, dict[int, int]]:
    """Sequence → cause of every recorded gap."""
    found: defaultdict[Stream, dict[int, int]] = defaultdict(dict)
    for entry in gaps:
        if isinstance(entry.value, telemetry_pb2.GapRecorded):
            gap = entry.value
            for sequence in range(gap.first_sequence, gap.last_sequence + 1):
                found[gap.site_id, gap.agent_id, gap.epoch][sequence] = gap.cause
    return found


def checks(
    sent: Mapping[Stream, int],
    frames: list[Entry],
    gaps: list[Entry],
    forged: int,
    refused_events: int,
) -> list[Check]:
    """`sent` is the highest number each agent ever wrote to its spool; `forged` never had one."""
    taken, gone = accepted(frames), missing(gaps)
    wrong: list[str] = []
    totals = {"accepted": 0, "refused": 0, "gaps": 0}
    for stream in sorted(sent.keys() | taken.keys()):
        numbers = taken.get(stream, [])
        lost = gone.get(stream, {})
        if len(set(numbers)) != len(numbers):
            wrong.append(f"{stream}: a frame stands twice in the log")
        want = set(range(1, sent.get(stream, 0) + 1))
        if set(numbers) | set(lost) != want:
            odd = sorted((set(numbers) | set(lost)) ^ want)[:3]
            wrong.append(f"{stream}: sent {len(want)}, unaccounted or invented {odd}")
        if both := set(numbers) & set(lost):
            wrong.append(f"{stream}: accepted and a gap at once {sorted(both)[:3]}")
        refused = sum(c == telemetry_pb2.GAP_CAUSE_REFUSED for c in lost.values())
        totals["accepted"] += len(numbers)
        totals["refused"] += refused
        totals["gaps"] += len(lost) - refused
    if refused_events < forged:
        wrong.append(f"{forged} forged frames were sent, {refused_events} refusals were recorded")
    counted = ", ".join(f"{n} {word}" for word, n in totals.items())
    counted = f"{sum(sent.values())} sent = {counted}; {forged} forged, {refused_events} refused"
    return [
        check("frames sent = accepted + refused + gaps", counted, wrong, seen=totals["accepted"])
    ]
