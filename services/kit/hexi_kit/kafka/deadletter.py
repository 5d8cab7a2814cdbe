"""Records that can never be handled: kept whole beside their reason, within a budget."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from hexi_contracts.topic import Topic

from hexi_kit.clock import Clock
from hexi_kit.errors import HexiError
from hexi_kit.kafka.ports import Partition, Publisher, RawRecord
from hexi_kit.kafka.record import Record
from hexi_kit.logs import get_logger
from hexi_kit.metrics import counter

REASON = "dlq-reason"
SOURCE_TOPIC = "dlq-source-topic"
SOURCE_PARTITION = "dlq-source-partition"
SOURCE_OFFSET = "dlq-source-offset"
GROUP = "dlq-group"
REASON_CHARS_MAX = 500


@dataclass(frozen=True, slots=True)
class DeadLetterBudget:
    """More than `count` of one partition within `window_s` is an outage, not bad luck."""

    count: int = 100
    window_s: int = 60


class DeadLetterBudgetExceeded(HexiError):
    """Ends the consumer, and with it the process; nothing is committed past this record."""


class DeadLetters:
    """The way out of a partition for what poisons it."""

    def __init__(
        self,
        topics: Mapping[str, Topic],
        group: str,
        publisher: Publisher,
        clock: Clock,
        budget: DeadLetterBudget,
    ) -> None:
        self._topics, self._group, self._publisher = topics, group, publisher
        self._clock, self._budget = clock, budget
        self._spent: dict[Partition, deque[float]] = {}

    async def add(self, record: Record, reason: str) -> None:
        """Returns when the dead letter is acknowledged; raises when the budget is spent."""
        partition = Partition(record.topic, record.partition)
        self._spend(partition)
        topic = self._topics[record.topic]
        get_logger().warning(
            "record.dead_lettered",
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            reason=reason[:REASON_CHARS_MAX],
        )
        headers = [
            *record.headers.items(),
            (REASON, reason[:REASON_CHARS_MAX].encode()),
            (SOURCE_TOPIC, record.topic.encode()),
            (SOURCE_PARTITION, str(record.partition).encode()),
            (SOURCE_OFFSET, str(record.offset).encode()),
            (GROUP, self._group.encode()),
        ]
        target = Partition(topic.dead_letter, 0)
        # A record without key and value cannot be sent; an empty key keeps its headers.
        key = b"" if record.key is None and record.value is None else record.key
        await self._publisher.send_raw(RawRecord(target, key, record.value, headers))
        counter("kafka.records_poisoned").add(1, {"topic": record.topic})

    def _spend(self, partition: Partition) -> None:
        now_s = self._clock.real_monotonic_s()
        spent = self._spent.setdefault(partition, deque())
        while spent and spent[0] <= now_s - self._budget.window_s:
            spent.popleft()
        if len(spent) >= self._budget.count:
            raise DeadLetterBudgetExceeded(
                f"{partition.topic}[{partition.number}]: expected at most {self._budget.count} "
                f"dead letters in {self._budget.window_s} s, was one more"
            )
        spent.append(now_s)
