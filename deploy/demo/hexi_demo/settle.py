"""Brings the province to rest in an order that leaves nothing on its way."""

from __future__ import annotations

from collections.abc import Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from hexi_contracts import topics
from hexi_contracts.topic import Topic
from hexi_kit.clock import SystemClock
from hexi_kit.kafka.connection import client_options

from hexi_demo.stage import Stage

SCHEDULER_HEARS = (topics.SCHEDULER_REQUEST, topics.SCHEDULER_COMMAND)
SCHEDULER_GROUP = "scheduler-worker"
# In this order: who makes work for others ends first.
STOPPED = ("scheduler-worker", "marketplace")
QUIET_S = 2.0
POLL_S = 0.1
TIMEOUT_S = 90.0


class NotAtRestError(Exception):
    """Something was still moving when the time for coming to rest was over."""


class Rest:
    """Watches spools, end offsets and what the scheduler has committed."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._options = client_options(stage.hexi.kafka, stage.cast.of("supervisor"))
        self._clock = SystemClock()

    async def spools_are_empty(self) -> None:
        """Agents end when they have sent all; who found telemetry dead lives until it has."""
        agents = self._stage.agents
        give_up_s = self._clock.real_monotonic_s() + TIMEOUT_S
        await agents.stop()
        while agents.undecided():
            await agents.resume()
            while left := agents.undecided():
                if self._clock.real_monotonic_s() > give_up_s:
                    raise NotAtRestError(f"{left} frames are in spools still")
                await self._clock.sleep(POLL_S)
            await agents.stop()

    async def scheduler_is_through(self) -> None:
        """All that the scheduler was asked is decided and its messages are out.

        It commits an offset only after that; so committed = end in one look means: nothing is
        under way. Ticks go on meanwhile, hence many short looks.
        """
        admin = AIOKafkaAdminClient(**self._options)
        await admin.start()
        try:
            async with _Ends(self._options, SCHEDULER_HEARS) as ends:
                give_up_s = self._clock.real_monotonic_s() + TIMEOUT_S
                while True:
                    committed = await admin.list_consumer_group_offsets(SCHEDULER_GROUP)
                    behind = {
                        tp: end
                        for tp, end in (await ends.read()).items()
                        if end and (tp not in committed or committed[tp].offset < end)
                    }
                    if not behind:
                        return
                    if self._clock.real_monotonic_s() > give_up_s:
                        raise NotAtRestError(f"the scheduler is behind on {sorted(behind)[:3]}")
                    await self._clock.sleep(POLL_S)
        finally:
            await admin.close()

    async def logs_stand_still(self) -> None:
        """No log has grown for `QUIET_S`."""
        began_s = since_s = self._clock.real_monotonic_s()
        async with _Ends(self._options, topics.ALL) as ends:
            before: Mapping[TopicPartition, int] = {}
            while (now_s := self._clock.real_monotonic_s()) - since_s < QUIET_S:
                if (found := await ends.read()) != before:
                    grown = [tp for tp in found if found[tp] != before.get(tp)]
                    before, since_s = found, now_s
                if now_s - began_s > TIMEOUT_S:
                    raise NotAtRestError(f"still growing: {sorted(grown)[:3]}")
                await self._clock.sleep(POLL_S)


class _Ends:
    """End offsets of topics, asked again and again over one connection."""

    def __init__(self, options: Mapping[str, object], wanted: tuple[Topic, ...]) -> None:
        self._consumer = AIOKafkaConsumer(**options, enable_auto_commit=False)
        self._partitions = [TopicPartition(t.name, p) for t in wanted for p in range(t.partitions)]

    async def __aenter__(self) -> _Ends:
        await self._consumer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()

    async def read(self) -> Mapping[TopicPartition, int]:
        found: Mapping[TopicPartition, int] = await self._consumer.end_offsets(self._partitions)
        return found


async def settle(stage: Stage) -> None:
    """Sources first, then the scheduler once it is through, then wait for the last echo."""
    rest = Rest(stage)
    await rest.spools_are_empty()
    await rest.scheduler_is_through()
    for name in STOPPED:
        await stage.hexi.stop_one(name)
    await rest.logs_stand_still()


async def resume(stage: Stage) -> None:
    """Let everything that `settle` stopped run on."""
    for name in STOPPED:
        await stage.hexi.start_one(name)
    await stage.agents.resume()
