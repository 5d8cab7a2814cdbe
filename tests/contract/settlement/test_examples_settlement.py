"""Goal: settlement understands every example of what it hears, and its own examples are true.

Method: the golden files, through the same reader as records of the log, into a ledger in memory.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from google.protobuf.json_format import ParseDict
from hexi_contracts import topics as declared
from hexi_contracts.topic import Topic
from hexi_contracts.topics import MARKETPLACE_TRADE, SCHEDULER_USAGE, SETTLEMENT_INVOICE
from hexi_kit.errors import Poison
from hexi_kit.kafka.codec import encode, event_headers
from hexi_kit.kafka.record import Record
from hexi_kit.testing.clock import ManualClock
from hexi_settlement.domain.account import AccountKind
from hexi_settlement.domain.desk import Deposit, OpenAccount
from hexi_settlement.domain.hold import Hold
from hexi_settlement.domain.known import Mark
from hexi_settlement.domain.rules import TRADE_FEE
from hexi_settlement.domain.site import RecordSites, SiteEntry
from hexi_settlement.handlers.write import Writer
from hexi_settlement.settings import load_rules
from hexi_settlement.store.memory import MemoryLedger
from hexi_settlement.stream.consumers import readers

EXAMPLES = Path(declared.__file__).parent.parent / "examples"
HEARD = [topic for topic in declared.ALL if "settlement" in topic.consumers]
NOW_MS = 1_795_228_200_000


def examples(topics: list[Topic]) -> list[object]:
    return [
        pytest.param(topic, path, id=f"{topic.name}/{path.stem}")
        for topic in topics
        for path in sorted((EXAMPLES / topic.name).glob("*.json"))
    ]


def message_of(topic: Topic, path: Path):
    assert topic.message is not None
    return ParseDict(json.loads(path.read_text(encoding="utf-8")), topic.message())


def record_of(topic: Topic, value: bytes | None, offset: int = 7, **headers: bytes) -> Record:
    own = dict(event_headers(topic, "id-1", topic.owner, NOW_MS))
    return Record(topic.name, 0, offset, b"key", value, own | headers)


@pytest.fixture
async def writing() -> AsyncIterator[tuple[MemoryLedger, Writer]]:
    ledger = MemoryLedger()
    writer = Writer(ledger, ManualClock(NOW_MS), load_rules())
    running = asyncio.create_task(writer.run())
    yield ledger, writer
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def furnish(ledger: MemoryLedger, writer: Writer, topic: Topic, message) -> None:
    """What must be there before the example: its sites, its hold and the money in it."""
    if topic is SCHEDULER_USAGE:
        sites = sorted({usage.site_id for usage in message.usages})
        mark = Mark("inventory.site.v1", 0, 1)
        entries = tuple(SiteEntry(site, f"operator-{site}", mark) for site in sites)
        await writer.submit(RecordSites(entries))
    if topic is MARKETPLACE_TRADE:
        item = getattr(message, message.WhichOneof("item"))
        account = getattr(item, "buyer_account", "") or item.account
        hold_id = getattr(item, "buyer_hold_id", "") or getattr(item, "hold_id", "")
        held = f"hold:{account}"
        await writer.submit(OpenAccount(account, AccountKind.CUSTOMER, account))
        await writer.submit(OpenAccount(held, AccountKind.HOLD, account))
        await writer.submit(OpenAccount("bank", AccountKind.CUSTOMER, account))
        await writer.submit(Deposit("bank", 1_000_000, "k"))
        ledger.all.accounts["bank"].debits_fen += 1_000_000
        ledger.all.accounts[held].credits_fen += 1_000_000
        rates = load_rules().rates(TRADE_FEE, "2026-11-21")
        ledger.all.holds[hold_id] = Hold(hold_id, account, 1_000_000, "order", rates)


@pytest.mark.parametrize(("topic", "path"), examples(HEARD))
async def test_each_example_is_decoded_and_handled(writing, topic: Topic, path: Path) -> None:
    ledger, writer = writing
    message = message_of(topic, path)
    await furnish(ledger, writer, topic, message)
    reader = next(one for one in readers(writer) if one.topic is topic)

    await reader.handle([record_of(topic, encode(message))])

    assert ledger.marks[topic.name, 0] == 8


@pytest.mark.parametrize("topic", HEARD, ids=lambda topic: topic.name)
@pytest.mark.parametrize(
    ("value", "headers"),
    [
        (b"\xff\xff garbage", {}),
        (b"", {"ce_type": b"hexi.scheduler.v2.UsageBatch"}),
        (b"", {"ce_type": b"somebody.else.v1.Thing"}),
        (None, {}),
    ],
    ids=["garbage", "next-version", "other-type", "tombstone"],
)
async def test_anything_else_is_poison_and_what_came_before_counts(
    writing, topic: Topic, value: bytes | None, headers: dict[str, bytes]
) -> None:
    ledger, writer = writing
    reader = next(one for one in readers(writer) if one.topic is topic)
    first = examples([topic])
    good = []
    if first and topic is not MARKETPLACE_TRADE:
        message = message_of(topic, first[0].values[1])
        await furnish(ledger, writer, topic, message)
        good = [record_of(topic, encode(message), 6)]

    with pytest.raises(Poison) as caught:
        await reader.handle([*good, record_of(topic, value, 7, **headers)])

    assert caught.value.index == len(good)
    assert ledger.marks.get((topic.name, 0)) == (7 if good else None)


def test_an_invoice_example_adds_up() -> None:
    for path in sorted((EXAMPLES / SETTLEMENT_INVOICE.name).glob("*.json")):
        invoice = message_of(SETTLEMENT_INVOICE, path)
        lines = sum(line.amount_micro_yuan for line in invoice.lines)
        assert invoice.total_fen * 10_000 + invoice.remainder_micro_yuan == lines
        assert invoice.net_fen + invoice.tax_fen == invoice.total_fen
        for line in invoice.lines:
            worth = line.unit_ms * line.price_micro_yuan // 900_000
            assert line.amount_micro_yuan == (0 if line.lease_id else worth)
