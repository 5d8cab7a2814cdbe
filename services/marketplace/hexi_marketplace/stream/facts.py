"""Keeps the supply: sites, servers and quarantines as their owners last recorded them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from hexi_contracts.topic import Topic
from hexi_contracts.topics import INVENTORY_SERVER_SET, INVENTORY_SITE, SECURITY_DIRECTIVE
from hexi_kit.errors import Poison
from hexi_kit.kafka.codec import decode
from hexi_kit.kafka.deadletter import DeadLetters
from hexi_kit.kafka.record import Record

from hexi_marketplace.domain.supply import Supply
from hexi_marketplace.wire.facts import read_directive, read_servers, read_site

FACT_TOPICS: tuple[Topic, ...] = (INVENTORY_SITE, INVENTORY_SERVER_SET, SECURITY_DIRECTIVE)
POISONED_MAX = 1_000


class Facts:
    """`apply` is what a LogTail calls; `run` carries away what could not be read."""

    def __init__(self, supply: Supply, dead_letters: DeadLetters) -> None:
        self._dead_letters = dead_letters
        self._poisoned: asyncio.Queue[tuple[Record, str]] = asyncio.Queue(POISONED_MAX)
        self._record: dict[str, Callable[[Any], None]] = {
            INVENTORY_SITE.name: lambda m: supply.record_site(read_site(m)),
            INVENTORY_SERVER_SET.name: lambda m: supply.record_servers(read_servers(m)),
            SECURITY_DIRECTIVE.name: lambda m: supply.record_quarantine(read_directive(m)),
        }
        self._topics = {topic.name: topic for topic in FACT_TOPICS}

    def apply(self, _: str, records: Sequence[Record]) -> None:
        for record in records:
            if record.value is None:
                continue
            try:
                self.handle(record)
            except Poison as poison:
                # A full queue ends the process: nothing is dropped unseen.
                self._poisoned.put_nowait((record, poison.reason))

    def handle(self, record: Record) -> None:
        """One record into the supply.

        Raises:
            Poison: when it is not what its topic promises.
        """
        self._record[record.topic](decode(self._topics[record.topic], record))

    async def run(self) -> None:
        while True:
            await self.carry_one()

    async def carry_one(self) -> None:
        """Wait for one unreadable record and make it a dead letter."""
        record, reason = await self._poisoned.get()
        await self._dead_letters.add(record, reason)
