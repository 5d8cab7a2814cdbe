"""Goal: telemetry understands every example of what it hears. Method: decode and handle each.

And garbage of every kind is Poison with a reason, never anything else.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from google.protobuf import json_format
from hexi_contracts import topics
from hexi_contracts.topic import Topic
from hexi_kit.errors import Poison
from hexi_kit.kafka.codec import event_headers
from hexi_kit.kafka.record import Record
from hexi_kit.testing.clock import ManualClock
from hexi_telemetry.domain.energy.policy import EnergyPolicies
from hexi_telemetry.handlers.series import Series
from hexi_telemetry.handlers.sites import KnownSites
from hexi_telemetry.stream.inbox import TOPICS, Inbox, Keepers
from hexi_telemetry.stream.recent import RecentFrames

EXAMPLES = Path(topics.__file__).resolve().parents[1] / "examples"
HEARD = [topic for topic in topics.ALL if "telemetry" in topic.consumers]


class Kept:
    """Stands for the database: keeps what it is given."""

    def __init__(self) -> None:
        self.sites, self.server_sets, self.batches = [], [], []

    async def save_sites(self, records, sites) -> None:
        self.sites += sites

    async def save_server_sets(self, records, server_sets) -> None:
        self.server_sets += server_sets

    @asynccontextmanager
    async def begin(self, records=()):
        yield self

    async def add(self, batch) -> None:
        self.batches.append(batch)

    async def hold(self, sites) -> dict:
        return {}


def inbox() -> tuple[Inbox, Kept]:
    kept, known, clock = Kept(), KnownSites(), ManualClock()
    keepers = Keepers(kept, kept, Series(kept, known, clock))
    return Inbox(keepers, known, RecentFrames(), EnergyPolicies((), 0), clock), kept


def record(topic: Topic, value: bytes | None, **headers: bytes) -> Record:
    told = dict(event_headers(topic, "id", "test", 1_800_000_000_000)) | headers
    return Record(topic.name, 0, 0, b"lanzhou", value, told)


def examples() -> list:
    return [
        pytest.param(topic, path.read_text(), id=f"{topic.name}/{path.stem}")
        for topic in HEARD
        for path in sorted((EXAMPLES / topic.name).glob("*.json"))
    ]


def test_the_consumer_reads_what_the_contracts_say() -> None:
    assert sorted(topic.name for topic in TOPICS) == sorted(topic.name for topic in HEARD)


@pytest.mark.parametrize(("topic", "text"), examples())
async def test_each_example_is_handled(topic: Topic, text: str) -> None:
    message = json_format.Parse(text, topic.message())
    handler, kept = inbox()

    await handler.handle([record(topic, message.SerializeToString())])

    assert kept.sites or kept.server_sets or kept.batches


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
@pytest.mark.parametrize(
    ("value", "headers"),
    [
        (b"\xff\xff garbage", {}),
        (b"", {}),
        (b"\x0a\x03abc", {"ce_type": b"hexi.telemetry.v9.SignedFrame"}),
        (b"\x0a\x03abc", {"ce_type": b""}),
        (b"\x0a\x03abc", {"ce_specversion": b"0.3"}),
    ],
    ids=["garbage", "empty", "unknown version", "no type", "old envelope"],
)
async def test_garbage_is_poison(topic: Topic, value: bytes, headers: dict) -> None:
    handler, kept = inbox()

    with pytest.raises(Poison) as caught:
        await handler.handle([record(topic, value, **headers)])

    assert caught.value.reason
    assert not (kept.sites or kept.server_sets or kept.batches)
