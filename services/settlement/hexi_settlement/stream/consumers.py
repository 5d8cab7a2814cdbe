"""Usage, trades and sites off the log into commands; each record once, in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, Protocol, TypeVar

from hexi_contracts.topic import Topic
from hexi_contracts.topics import INVENTORY_SITE, MARKETPLACE_TRADE, SCHEDULER_USAGE
from hexi_kit.errors import Poison
from hexi_kit.kafka.codec import decode
from hexi_kit.kafka.record import Record

from hexi_settlement.domain.command import Command
from hexi_settlement.domain.known import Mark
from hexi_settlement.domain.site import RecordSites
from hexi_settlement.domain.stopped import Stopped
from hexi_settlement.domain.trade import SettleTrades
from hexi_settlement.domain.usage import RateUsages, UsageEntry
from hexi_settlement.handlers.write import Writer
from hexi_settlement.wire import incoming

# A commit decides this many items at most, so that callers of holds need not wait long.
ITEMS_MAX = 2_000


class _Entry(Protocol):
    @property
    def fault(self) -> str: ...


E = TypeVar("E", bound=_Entry)


class LogReader(Generic[E]):
    """Turns records of one topic into commands of bounded size.

    A record that can not be taken ends its command; those before it are committed and marked.
    """

    def __init__(
        self,
        topic: Topic,
        parse: Callable[[Any, Mark], E],
        command: Callable[[tuple[E, ...]], Command[Stopped | None]],
        writer: Writer,
    ) -> None:
        self.topic = topic
        self._parse, self._command, self._writer = parse, command, writer

    async def handle(self, records: list[Record]) -> None:
        """Returns when everything is committed; Poison names the first that can not be."""
        start = 0
        while start < len(records):
            entries, garbage = self._entries(records[start:])
            if entries:
                stopped = await self._writer.submit(self._command(entries))
                if stopped is not None:
                    raise Poison(stopped.reason, start + stopped.index)
            start += len(entries)
            if garbage is not None:
                raise Poison(garbage.reason, start)

    def _entries(self, records: Sequence[Record]) -> tuple[tuple[E, ...], Poison | None]:
        entries: list[E] = []
        items = 0
        for record in records:
            mark = Mark(record.topic, record.partition, record.offset + 1)
            try:
                entry = self._parse(decode(self.topic, record), mark)
            except Poison as garbage:
                return tuple(entries), garbage
            entries.append(entry)
            items += len(entry.usages) if isinstance(entry, UsageEntry) else 1
            if items >= ITEMS_MAX:
                break
        return tuple(entries), None


def readers(writer: Writer) -> tuple[LogReader[Any], ...]:
    """One reader for each topic that lists settlement as a consumer."""
    return (
        LogReader(INVENTORY_SITE, incoming.site_entry, RecordSites, writer),
        LogReader(MARKETPLACE_TRADE, incoming.trade_entry, SettleTrades, writer),
        LogReader(SCHEDULER_USAGE, incoming.usage_entry, RateUsages, writer),
    )
