"""One owner's way through the commands of a partition, held against what its journal says."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from hexi_contracts.topic import Topic
from hexi_kit.journal.table import Items
from hexi_kit.kafka.batch import Entry
from hexi_kit.kafka.record import Record

from hexi_sim.memory import KeyValue
from hexi_sim.replay.difference import Difference, fields_of

MakeStage = Callable[[Callable[[int, Sequence[Entry]], None]], Any]


class Walk:
    """A stage rebuilt from `items`, about to hear `commands[index]`.

    `written` is what its newest command decided and the journal has not shown yet.
    """

    def __init__(
        self, make: MakeStage, journal: Topic, partition: int, commands: Sequence[Record]
    ) -> None:
        self._stage = make(self._hear)
        self._journal, self._partition, self._commands = journal, partition, commands
        self.index = 0
        self.seen = 0
        self.written: deque[KeyValue] = deque()
        self._whole = True

    def start(self, items: Items, index: int | None = None) -> None:
        """Rebuild memory; without an index, go on where the journal says it is decided up to."""
        self._stage.recover(self._partition, items)
        if index is None:
            decided = self._stage.own(self._partition).decided
            index = next((i for i, c in enumerate(self._commands) if c.offset >= decided), 0)
        self.index = index

    @property
    def between_commands(self) -> bool:
        """All that was decided stands in the journal: memory may be kept over a fence."""
        return self._whole

    async def through(self, records: Sequence[Record]) -> Difference | None:
        """Decide until every record is explained, or one is not."""
        self.seen = 0
        while self.seen < len(records):
            record = records[self.seen]
            if not self.written:
                self._whole = True
                if self.index == len(self._commands):
                    return self._difference(record, "no command is left that would explain it")
                await self._decide()
                continue
            key, value = self.written[0]
            if key != (record.key or b""):
                reason = f"expected key {_text(record.key)}, decided {_text(key)}"
                return self._difference(record, reason)
            if value != record.value:
                return self._difference(record, f"{_text(key)} is decided otherwise", value)
            self.written.popleft()
            self._whole = not self.written
            self.seen += 1
        return None

    async def _decide(self) -> None:
        command = self._commands[self.index]
        self.index += 1
        await self._stage.handle({self._partition: [command]})

    def _hear(self, partition: int, entries: Sequence[Entry]) -> None:
        self.written.extend((entry[0], entry[1]) for entry in entries)

    def _difference(self, record: Record, reason: str, value: bytes | None = None) -> Difference:
        topic = self._journal
        known = value is not None or "otherwise" in reason
        fields = fields_of(topic, record.value, value) if known else ()
        command = self._commands[self.index - 1].offset if self.index else -1
        return Difference(topic.name, self._partition, record.offset, command, reason, fields)


def _text(key: bytes | None) -> str:
    return (key or b"").decode(errors="replace")
