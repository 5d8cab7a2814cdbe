"""Topics that MATCH alone may write: claimed on start, fenced against whoever had them before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hexi_contracts.topic import Topic
from hexi_kit.clock import Clock
from hexi_kit.identity import Identity
from hexi_kit.journal.appender import JournalAppender
from hexi_kit.journal.reader import read_journal
from hexi_kit.kafka.batch import Entry
from hexi_kit.kafka.codec import encode, event_headers
from hexi_kit.testing import faults

from hexi_marketplace.wire.events import NOTHING, Output, Position, last_position

SOURCE = "marketplace"
# Looked at from the end of a topic for its last record; widened until one is found.
TAIL_RECORDS = 1_000


@dataclass(frozen=True, slots=True)
class Broker:
    """How the broker is reached."""

    bootstrap: str
    identity: Identity | None
    clock: Clock


class FencedTopic:
    """One output topic of which this process is the only writer from `claim` on."""

    def __init__(self, broker: Broker, topic: Topic) -> None:
        self._broker, self._topic = broker, topic
        self._appender = JournalAppender(broker.bootstrap, broker.identity, topic, broker.clock)

    async def start(self) -> None:
        await self._appender.start()

    async def stop(self) -> None:
        await self._appender.stop()

    async def claim(self) -> dict[int, Position]:
        """Shut earlier writers out; where the last record each partition has stands."""
        ends = {
            partition: (await self._appender.claim(partition)).offset
            for partition in range(self._topic.partitions)
        }
        found = dict.fromkeys(ends, NOTHING)
        unknown, window = dict(ends), TAIL_RECORDS
        while unknown:
            starts = {partition: max(0, end - window) for partition, end in unknown.items()}
            for partition, value in (await self._last(starts, ends)).items():
                found[partition] = last_position(self._topic, value)
                del unknown[partition]
            unknown = {p: end for p, end in unknown.items() if starts[p] > 0}
            window *= 10
        return found

    async def write(self, owed: Mapping[int, Sequence[Output]]) -> None:
        """Append everything owed, by partition, in order."""
        now_ms = self._broker.clock.now_ms()
        entries: dict[int, list[Entry]] = {
            partition: [self._entry(output, now_ms) for output in outputs]
            for partition, outputs in owed.items()
            if outputs
        }
        if not entries:
            return
        faults.point(f"marketplace.before_{self._short_name}")
        await self._appender.append_many(entries)
        faults.point(f"marketplace.after_{self._short_name}")

    @property
    def _short_name(self) -> str:
        return self._topic.name.split(".")[1]

    def _entry(self, output: Output, now_ms: int) -> Entry:
        headers = event_headers(self._topic, output.event_id, SOURCE, now_ms, output.traceparent)
        return output.shard.encode(), encode(output.message), headers

    async def _last(self, starts: Mapping[int, int], ends: Mapping[int, int]) -> dict[int, bytes]:
        """Value of the last record of each stretch that is no fence."""
        stretches = {partition: (start, ends[partition]) for partition, start in starts.items()}
        last: dict[int, bytes] = {}
        async for partition, entries in read_journal(
            self._broker.bootstrap, self._broker.identity, self._topic.name, stretches
        ):
            for _, value in entries:
                if value is not None:
                    last[partition] = value
        return last
