"""Writes marketplace.order.v1: whoever waits at the same time shares one batch."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from aiokafka.errors import KafkaError
from hexi_contracts.topics import MARKETPLACE_ORDER
from hexi_kit.clock import Clock
from hexi_kit.errors import ResourceExhausted, Unavailable
from hexi_kit.ids import random_id
from hexi_kit.kafka.ports import Publisher
from hexi_kit.kafka.record import Outgoing
from hexi_kit.tracing import current_traceparent

from hexi_marketplace.domain.command import CloseGates, Command
from hexi_marketplace.wire.commands import write_command

WAITING_MAX = 10_000
BATCH_MAX = 1_000


class _Waiting(NamedTuple):
    event: Outgoing
    done: asyncio.Future[None]


class KafkaOrderLog:
    """`record` from anywhere while `run` runs. Order of recording is order on the log."""

    def __init__(self, publisher: Publisher, clock: Clock) -> None:
        self._publisher, self._clock = publisher, clock
        self._waiting: list[_Waiting] = []
        self._woken = asyncio.Event()

    async def record(self, command: Command, shard: str) -> None:
        await self._enqueue(command, shard, None)

    async def close_gates(self, partition: int) -> None:
        """Tell one shard the time."""
        await self._enqueue(CloseGates(), f"gate-{partition}", partition)

    async def run(self) -> None:
        while True:
            await self._woken.wait()
            self._woken.clear()
            while self._waiting:
                batch, self._waiting = self._waiting[:BATCH_MAX], self._waiting[BATCH_MAX:]
                await self._send(batch)

    async def _enqueue(self, command: Command, key: str, partition: int | None) -> None:
        if len(self._waiting) >= WAITING_MAX:
            raise ResourceExhausted("too many orders wait for the log")
        message = write_command(command, self._clock.now_ms())
        event = Outgoing(
            MARKETPLACE_ORDER, key, message, random_id(), partition, current_traceparent()
        )
        waiting = _Waiting(event, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._woken.set()
        await waiting.done

    async def _send(self, batch: list[_Waiting]) -> None:
        try:
            await self._publisher.send_all([waiting.event for waiting in batch])
        except KafkaError as error:
            failure = Unavailable(f"order log: {type(error).__name__}")
            for waiting in batch:
                if not waiting.done.done():
                    waiting.done.set_exception(failure)
            return
        for waiting in batch:
            # A caller whose deadline has passed is not there any more.
            if not waiting.done.done():
                waiting.done.set_result(None)
