"""MATCH at work: replays the order log, follows it, and writes what is owed and not yet written.

On start: 1. claim both output topics, which fences earlier matchers; 2. look where their last
records stand; 3. match the order log from its first record, writing only what lies behind those
positions. Matching is a pure function of the log, so a crash anywhere repeats or finishes the
same records. Trades are acknowledged before leases, leases before depth.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from hexi_contracts.topics import (
    MARKETPLACE_DEPTH,
    MARKETPLACE_LEASE,
    MARKETPLACE_ORDER,
    MARKETPLACE_TRADE,
)
from hexi_kit.errors import Poison
from hexi_kit.ids import derive
from hexi_kit.kafka.codec import decode
from hexi_kit.kafka.connection import client_options
from hexi_kit.kafka.deadletter import DeadLetters
from hexi_kit.kafka.ports import Publisher
from hexi_kit.kafka.record import Outgoing, Record, from_client
from hexi_kit.logs import get_logger
from hexi_kit.metrics import counter

from hexi_marketplace.domain.market import Market
from hexi_marketplace.stream.outputs import Broker, FencedTopic
from hexi_marketplace.stream.turn import Turn
from hexi_marketplace.wire.views import view_depth

POLL_TIMEOUT_MS = 1_000
POLL_RECORDS_MAX = 2_000
FETCH_MAX_WAIT_MS = 500
FETCH_BYTES_MAX = 4 * 1024 * 1024
DEPTH_LEVELS = 20


@dataclass(frozen=True, slots=True)
class MatcherParts:
    """Whom the matcher works with; `on_changed` hears which books changed."""

    market: Market
    publisher: Publisher
    dead_letters: DeadLetters
    on_changed: Callable[[Iterable[str]], None]


class Matcher:
    """Run once for the life of a process; `caught_up` says that memory has reached the log's end.

    Invariant: nothing is in memory that is not on the order log; what the log caused is written in
    log order, each record once.
    """

    def __init__(self, broker: Broker, parts: MatcherParts) -> None:
        self._broker, self._parts = broker, parts
        self._trades = FencedTopic(broker, MARKETPLACE_TRADE)
        self._leases = FencedTopic(broker, MARKETPLACE_LEASE)
        self._turns: dict[int, Turn] = {}
        self._ends: dict[int, int] = {}
        self.caught_up = asyncio.Event()

    async def run(self) -> None:
        await self._trades.start()
        await self._leases.start()
        try:
            trades, leases = await self._trades.claim(), await self._leases.claim()
            self._turns = {
                shard.number: Turn(shard, trades[shard.number], leases[shard.number])
                for shard in self._parts.market.shards
            }
            await self._follow()
        finally:
            await self._leases.stop()
            await self._trades.stop()

    async def _follow(self) -> None:
        broker = self._broker
        consumer = AIOKafkaConsumer(
            **client_options(broker.bootstrap, broker.identity),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=FETCH_MAX_WAIT_MS,
            max_partition_fetch_bytes=FETCH_BYTES_MAX,
        )
        await consumer.start()
        try:
            partitions = [TopicPartition(MARKETPLACE_ORDER.name, number) for number in self._turns]
            consumer.assign(partitions)
            await consumer.seek_to_beginning(*partitions)
            ends = await consumer.end_offsets(partitions)
            self._ends = {tp.partition: end for tp, end in ends.items()}
            while True:
                await self._note_progress()
                polled = await consumer.getmany(
                    timeout_ms=POLL_TIMEOUT_MS, max_records=POLL_RECORDS_MAX
                )
                await self._turn(polled)
        finally:
            await consumer.stop()

    async def _turn(self, polled: Mapping[Any, Sequence[Any]]) -> None:
        if not polled:
            return
        changed: set[str] = set()
        for tp, raw_records in sorted(polled.items()):
            turn = self._turns[tp.partition]
            for raw in raw_records:
                record = from_client(raw)
                try:
                    turn.apply(decode(MARKETPLACE_ORDER, record), record.offset)
                except Poison as poison:
                    turn.skip(record.offset)
                    await self._refuse(record, poison.reason)
            changed |= turn.shard.take_changed()
        trades = {number: turn.take_trades() for number, turn in self._turns.items()}
        leases = {number: turn.take_leases() for number, turn in self._turns.items()}
        await self._trades.write(trades)
        await self._leases.write(leases)
        if self.caught_up.is_set():
            counter("marketplace.orders_decided").add(sum(map(len, polled.values())))
            counter("marketplace.trades_made").add(sum(map(len, leases.values())))
            await self._tell(changed)

    async def _refuse(self, record: Record, reason: str) -> None:
        """Garbage of an earlier life was told then, and stays on the log for ever."""
        if record.offset < self._ends[record.partition]:
            get_logger().info("order.garbage_passed", offset=record.offset, reason=reason)
        else:
            await self._parts.dead_letters.add(record, reason)

    async def _note_progress(self) -> None:
        if self.caught_up.is_set() or any(
            self._turns[number].shard.next_offset < end for number, end in self._ends.items()
        ):
            return
        self.caught_up.set()
        get_logger().info("market.replayed", commands=sum(self._ends.values()))
        # The crash may have come before the last pictures went out.
        listings = self._parts.market.listings()
        await self._tell({one.product.product_id for one in listings if not one.closed})

    async def _tell(self, changed: set[str]) -> None:
        """Market data: one picture of each changed book, however many commands changed it."""
        market, now_ms = self._parts.market, self._broker.clock.now_ms()
        self._parts.on_changed(changed)
        pictures = []
        for product_id in sorted(changed):
            listing = market.listing(product_id)
            if listing is None:
                continue
            depth = view_depth(product_id, listing, DEPTH_LEVELS, now_ms)
            event_id = derive("depth", product_id, depth.sequence)
            pictures.append(Outgoing(MARKETPLACE_DEPTH, listing.product.shard, depth, event_id))
        if pictures:
            await self._parts.publisher.send_all(pictures)
