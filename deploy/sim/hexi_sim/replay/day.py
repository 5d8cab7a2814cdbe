"""Which part of a history is replayed: stages, partitions, and the day."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

from hexi_contracts import topics
from hexi_kit.clock import SystemClock
from hexi_kit.errors import InvalidArgument, Violation
from hexi_kit.kafka.record import Record

from hexi_sim.memory import Outbox
from hexi_sim.replay.history import History
from hexi_sim.replay.rerun import Outcome, Tape, rerun
from hexi_sim.replay.walk import MakeStage
from hexi_sim.stages import JOURNAL_OF, Heard, chosen, parts, place_stage, route_stage

SHANGHAI = timezone(timedelta(hours=8))


class Span(NamedTuple):
    """[from, until) in the broker's time; 0 is open."""

    from_ms: int = 0
    until_ms: int = 0


class Choice(NamedTuple):
    """What is to be replayed; None is all."""

    span: Span = Span()
    partition: int | None = None
    stage: str | None = None


def day_of(text: str) -> Span:
    """A date as the span of that day in Shanghai; nothing is all there is."""
    if not text:
        return Span()
    try:
        start = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=SHANGHAI)
    except ValueError:
        why = f"expected a date such as 2026-11-21, was {text!r}"
        raise InvalidArgument([Violation("day", why)]) from None
    end = start + timedelta(days=1)
    return Span(int(start.timestamp() * 1_000), int(end.timestamp() * 1_000))


async def replay(
    history: History,
    choice: Choice,
    expect: Callable[[int], None],
    progress: Callable[[int], None],
) -> AsyncIterator[Outcome]:
    """Every chosen partition; `expect` is told how many records come, `progress` what is done."""
    for stage, (topic, make) in STAGES.items():
        if choice.stage not in (None, stage):
            continue
        journal_topic = JOURNAL_OF[topic]
        for partition in range(topic.partitions):
            if choice.partition not in (None, partition):
                continue
            commands = await history.records(topic, partition)
            journal = _until(await history.records(journal_topic, partition), choice.span)
            expect(len(journal))
            tape = Tape(journal_topic, partition, commands, journal, choice.span.from_ms)
            yield await rerun(tape, make, progress)


def _until(journal: Sequence[Record], span: Span) -> Sequence[Record]:
    if not span.until_ms:
        return journal
    end = next((i for i, r in enumerate(journal) if r.timestamp_ms >= span.until_ms), len(journal))
    return journal[:end]


def _route(heard: Heard) -> Any:
    given = parts(topics.SCHEDULER_ROUTE, heard, Outbox(lambda _: None))
    return route_stage(given, SystemClock(), chosen({}))


def _place(heard: Heard) -> Any:
    given = parts(topics.SCHEDULER_PLACEMENT, heard, Outbox(lambda _: None))
    return place_stage(given, SystemClock(), chosen({}), lambda _: None)


STAGES: dict[str, tuple[Any, MakeStage]] = {
    "route": (topics.SCHEDULER_REQUEST, _route),
    "place": (topics.SCHEDULER_COMMAND, _place),
}
