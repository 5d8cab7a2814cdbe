"""Replays one partition of one stage: reign by reign, a fence beginning the next.

A fence does not say whether its owner kept its memory, nor from which command on it heard again
what was not committed. So each reign is tried from a rebuilt memory and every command it may have
begun with, then from the memory before; it holds when one of these explains it to the byte.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from hexi_contracts.topic import Topic
from hexi_kit.journal.ownership import is_fence
from hexi_kit.kafka.record import Record

from hexi_sim.memory import remember
from hexi_sim.replay.difference import Difference
from hexi_sim.replay.walk import MakeStage, Walk

# Memory that no journal keeps (what was sent since the newest offer) is in step again after these.
WARM_UP_RECORDS = 1_000

Progress = Callable[[int], None]


@dataclass(slots=True)
class Outcome:
    """What came of one partition."""

    topic: str
    partition: int
    commands: int
    records: int
    fences: int = 0
    compared: int = 0
    warmed_up: int = 0
    beyond: int = 0
    difference: Difference | None = None


@dataclass(frozen=True, slots=True)
class Tape:
    """One partition: its commands, its journal, and from when on the journal is compared."""

    journal_topic: Topic
    partition: int
    commands: Sequence[Record]
    journal: Sequence[Record]
    from_ms: int = 0


async def rerun(tape: Tape, make: MakeStage, progress: Progress) -> Outcome:
    """Compare record by record up to the first difference."""
    items: dict[bytes, bytes] = {}
    outcome = Outcome(
        tape.journal_topic.name, tape.partition, len(tape.commands), len(tape.journal)
    )
    known = _known(tape)
    remember(items, _entries(tape.journal[:known]))
    outcome.fences = sum(is_fence(record.key) for record in tape.journal[:known])
    progress(known)
    walk: Walk | None = None
    cold = known > 0
    for reign in reigns(tape.journal[known:]):
        outcome.fences += reign.fenced
        records = reign.records
        while records:
            found, walk = await _explain(tape, make, items, records, walk)
            if found is None:
                break
            if not cold or outcome.warmed_up >= WARM_UP_RECORDS:
                outcome.difference = found
                return outcome
            # The beginning of a stretch without its past: skip the command, begin anew after it.
            skipped = _command_end(tape.journal_topic, records, found.offset)
            remember(items, _entries(records[:skipped]))
            outcome.warmed_up += skipped
            records, walk = records[skipped:], None
        remember(items, _entries(records))
        outcome.compared += len(records)
        cold = cold and not records
        progress(len(reign.records) + reign.fenced)
    outcome.beyond = len(tape.commands) - (walk.index if walk else 0)
    return outcome


async def _explain(
    tape: Tape,
    make: MakeStage,
    items: dict[bytes, bytes],
    records: Sequence[Record],
    before: Walk | None,
) -> tuple[Difference | None, Walk | None]:
    """The first way that explains all records; else how far the best came."""
    best: tuple[int, Difference] | None = None
    index: int | None = None
    last = _first_cause(tape.journal_topic, records)
    while True:
        walk = Walk(make, tape.journal_topic, tape.partition, tape.commands)
        walk.start(items, index)
        found = await walk.through(records)
        if found is None:
            return None, walk
        if best is None or walk.seen > best[0]:
            best = (walk.seen, found)
        if found.command_offset >= last or walk.index <= (index or 0):
            break
        index = walk.index  # what this command decides was not decided: it was committed before
    if before is not None and before.between_commands:
        found = await before.through(records)
        if found is None:
            return None, before
        if before.seen > best[0]:
            best = (before.seen, found)
    return best[1], None


@dataclass(slots=True)
class Reign:
    """What one owner wrote."""

    fenced: bool
    records: list[Record]


def reigns(journal: Iterable[Record]) -> Iterator[Reign]:
    """The journal cut at its fences."""
    current = Reign(False, [])
    for record in journal:
        if is_fence(record.key):
            yield current
            current = Reign(True, [])
        else:
            current.records.append(record)
    yield current


def cause_offset(topic: Topic, value: bytes | None) -> int | None:
    """The command a journal record answers; tombstones and offers do not say."""
    if value is None:
        return None
    message: Any = topic.message
    record = message.FromString(value)
    kind = record.WhichOneof("item")
    if kind is None:
        return None
    item = getattr(record, kind)
    cause = item if kind == "passed" else getattr(item, "cause", None)
    return None if cause is None else int(cause.offset)


def _known(tape: Tape) -> int:
    """How many records are taken as given: before the stretch, or without their commands."""
    if not tape.commands:
        return len(tape.journal)
    first = tape.commands[0].offset
    if not first and not tape.from_ms:
        return 0
    for index, record in enumerate(tape.journal):
        if not is_fence(record.key) and record.timestamp_ms >= tape.from_ms:
            cause = cause_offset(tape.journal_topic, record.value)
            if cause is not None and cause >= first:
                return index
    return len(tape.journal)


def _first_cause(topic: Topic, records: Sequence[Record]) -> int:
    causes = (cause_offset(topic, record.value) for record in records)
    return next((cause for cause in causes if cause is not None), -1)


def _command_end(topic: Topic, records: Sequence[Record], offset: int) -> int:
    """Where the records end that were written for the same command as the one at `offset`."""
    start = next(i for i, record in enumerate(records) if record.offset >= offset)
    cause = cause_offset(topic, records[start].value)
    end = start + 1
    while end < len(records) and cause_offset(topic, records[end].value) == cause:
        end += 1
    return end


def _entries(records: Iterable[Record]) -> Iterator[tuple[bytes, bytes | None]]:
    return ((r.key or b"", r.value) for r in records if not is_fence(r.key))
