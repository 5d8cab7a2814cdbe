"""Writes marketplace.order.v1: whoever waits at the same time shares one batch."""

from __future__ import annotations

from hexi_contracts.topics import MARKETPLACE_ORDER
from hexi_kit.clock import Clock
from hexi_kit.errors import ResourceExhausted
from hexi_kit.ids import random_id
from hexi_kit.kafka.ports import Publisher
from hexi_kit.kafka.record import Outgoing
from hexi_kit.together import Together
from hexi_kit.tracing import current_traceparent

from hexi_marketplace.domain.command import CloseGates, Command
from hexi_marketplace.wire.commands import write_command

WAITING_MAX = 10_000
BATCH_MAX = 1_000


class KafkaOrderLog:
    """Order of recording is order on the log."""

    def __init__(self, publisher: Publisher, clock: Clock) -> None:
        self._clock = clock
        self._together = Together(publisher.send_all, BATCH_MAX)

    async def record(self, command: Command, shard: str) -> None:
        """
        Raises:
            Unavailable: the log does not answer; it may have the command all the same.
        """
        await self._write(command, shard, None)

    async def close_gates(self, partition: int) -> None:
        """Tell one shard the time."""
        await self._write(CloseGates(), f"gate-{partition}", partition)

    async def _write(self, command: Command, key: str, partition: int | None) -> None:
        if len(self._together) >= WAITING_MAX:
            raise ResourceExhausted("too many orders wait for the log")
        message = write_command(command, self._clock.now_ms())
        trace = current_traceparent()
        await self._together.add(
            Outgoing(MARKETPLACE_ORDER, key, message, random_id(), partition, trace)
        )
