"""The way back for dead letters: look at them, put them where they came from, or let them go.

    python -m hexi_kit.kafka.replay --list
    python -m hexi_kit.kafka.replay --topic telemetry.frame.v1.dlq --policy reinsert --json

How far a dead letter topic has been dealt with is the committed offset of the group `replay`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from hexi_kit.clock import SystemClock
from hexi_kit.errors import FailedPrecondition, HexiError
from hexi_kit.identity import Identity
from hexi_kit.kafka.connection import client_options
from hexi_kit.kafka.deadletter import GROUP, REASON, SOURCE_OFFSET, SOURCE_PARTITION, SOURCE_TOPIC
from hexi_kit.kafka.ports import Partition, RawRecord
from hexi_kit.kafka.producer import EventProducer
from hexi_kit.settings import ServiceSettings

REPLAY_GROUP = "replay"
OURS = (REASON, SOURCE_TOPIC, SOURCE_PARTITION, SOURCE_OFFSET, GROUP)
POLICIES = ("stop", "reinsert", "drop")
SUFFIX = ".dlq"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One letter as an operator sees it."""

    offset: int
    source: Partition
    source_offset: int
    reason: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]

    def summary(self) -> dict[str, object]:
        return {
            "offset": self.offset,
            "source": f"{self.source.topic}[{self.source.number}]@{self.source_offset}",
            "reason": self.reason,
            "key": (self.key or b"").decode(errors="replace"),
            "bytes": len(self.value or b""),
        }

    def original(self) -> RawRecord:
        """The record as it was before it was set aside."""
        return RawRecord(self.source, self.key, self.value, self.headers)


class Graveyard:
    """One dead letter topic, from the first letter nobody has dealt with."""

    def __init__(self, consumer: AIOKafkaConsumer, topic: str) -> None:
        self._consumer, self._tp = consumer, TopicPartition(topic, 0)

    async def letters(self) -> list[DeadLetter]:
        """Letters not dealt with, oldest first."""
        start, end = await self._open()
        self._consumer.assign([self._tp])
        self._consumer.seek(self._tp, start)
        found: list[DeadLetter] = []
        while start + len(found) < end:
            fetched = await self._consumer.getmany(timeout_ms=1_000)
            found += [_letter(message) for message in fetched.get(self._tp, [])]
        return [letter for letter in found if letter.offset < end]

    async def count(self) -> int:
        start, end = await self._open()
        return end - start

    async def dealt_with(self, letter: DeadLetter) -> None:
        await self._consumer.commit({self._tp: letter.offset + 1})

    async def _open(self) -> tuple[int, int]:
        self._consumer.assign([self._tp])
        committed = await self._consumer.committed(self._tp) or 0
        first = (await self._consumer.beginning_offsets([self._tp]))[self._tp]
        end = (await self._consumer.end_offsets([self._tp]))[self._tp]
        return max(committed, first), end


async def replay(
    bootstrap: str, identity: Identity | None, topic: str, policy: str
) -> list[DeadLetter]:
    """Apply a policy to every letter; those it was applied to. `stop` changes nothing."""
    async with _consumer(bootstrap, identity) as consumer:
        graveyard = Graveyard(consumer, topic)
        letters = await graveyard.letters()
        if policy == "reinsert":
            producer = EventProducer(bootstrap, identity, REPLAY_GROUP, SystemClock())
            await producer.start()
            try:
                for letter in letters:
                    # Sent before it is marked: a crash in between sends it twice, never not.
                    await producer.send_raw(letter.original())
                    await graveyard.dealt_with(letter)
            finally:
                await producer.stop()
        elif policy == "drop" and letters:
            await graveyard.dealt_with(letters[-1])
        return letters


async def waiting(bootstrap: str, identity: Identity | None) -> dict[str, int]:
    """Letters not dealt with, by dead letter topic."""
    async with _consumer(bootstrap, identity) as consumer:
        topics = sorted(t for t in await consumer.topics() if t.endswith(SUFFIX))
        return {topic: await Graveyard(consumer, topic).count() for topic in topics}


@asynccontextmanager
async def _consumer(bootstrap: str, identity: Identity | None) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        **client_options(bootstrap, identity), group_id=REPLAY_GROUP, enable_auto_commit=False
    )
    try:
        await consumer.start()
        yield consumer
    finally:
        await consumer.stop()


def _letter(message: Any) -> DeadLetter:
    headers = dict(message.headers)
    if SOURCE_TOPIC not in headers:
        raise FailedPrecondition(f"expected a dead letter at offset {message.offset}, was none")
    return DeadLetter(
        message.offset,
        Partition(headers[SOURCE_TOPIC].decode(), int(headers[SOURCE_PARTITION])),
        int(headers[SOURCE_OFFSET]),
        headers[REASON].decode(errors="replace"),
        message.key,
        message.value,
        tuple((name, value) for name, value in message.headers if name not in OURS),
    )


def options() -> argparse.ArgumentParser:
    """What may be asked for: the parent of a command line."""
    found = argparse.ArgumentParser(add_help=False)
    which = found.add_mutually_exclusive_group(required=True)
    which.add_argument("--list", action="store_true", help="count letters of all topics")
    which.add_argument("--topic", help="a dead letter topic")
    found.add_argument("--policy", choices=POLICIES, default="stop", help="stop only shows")
    found.add_argument("--json", action="store_true", help="one JSON object a line")
    return found


def run(arguments: argparse.Namespace, bootstrap: str, identity: Identity | None) -> int:
    """1 where the broker does not answer, or refuses."""
    try:
        rows = asyncio.run(_asked(arguments, bootstrap, identity))
    except (KafkaError, HexiError) as error:
        sys.stderr.write(f"{bootstrap}: {error}\n")
        return 1
    for row in rows:
        line = json.dumps(row) if arguments.json else "  ".join(f"{k}={v}" for k, v in row.items())
        sys.stdout.write(line + "\n")
    return 0


async def _asked(
    arguments: argparse.Namespace, bootstrap: str, identity: Identity | None
) -> list[dict[str, object]]:
    if arguments.list:
        counts = await waiting(bootstrap, identity)
        return [{"topic": topic, "letters": letters} for topic, letters in counts.items()]
    letters = await replay(bootstrap, identity, arguments.topic, arguments.policy)
    return [{"policy": arguments.policy, **letter.summary()} for letter in letters]


def main(argv: Sequence[str]) -> int:
    """For a broker that HEXI_KAFKA_BOOTSTRAP names."""
    parser = argparse.ArgumentParser(
        prog="python -m hexi_kit.kafka.replay", description=__doc__, parents=[options()]
    )
    parser.add_argument("--identity", default="supervisor", help="whose certificate to show")
    arguments = parser.parse_args(argv)
    settings = ServiceSettings()
    identity = Identity.load(settings.pki, arguments.identity)
    return run(arguments, settings.kafka_bootstrap, identity)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
