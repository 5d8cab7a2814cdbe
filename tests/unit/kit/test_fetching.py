"""A request that leaves partitions out: the library's own planning, with no broker behind it."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from aiokafka.consumer.fetcher import Fetcher, FetchResult, PartitionRecords
from aiokafka.consumer.subscription_state import SubscriptionState
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import TopicPartition
from hexi_kit.kafka.fetching import LEFT_OUT_WAIT_MS, ask_again_soon, fetch_nothing

FULL_WAIT_MS = 1_500
BUSY, IDLE = TopicPartition("commands", 0), TopicPartition("commands", 1)


class Client:
    """Knows the one leader of everything, and answers nothing."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._metadata_max_age_ms = 1_000
        self.cluster = SimpleNamespace(leader_for_partition=lambda _: 1)

    async def send(self, node: int, request: Any) -> Any:
        await asyncio.get_running_loop().create_future()


def built() -> tuple[Fetcher, Any]:
    """The library's fetcher, and what it is assigned."""
    subscriptions = SubscriptionState()
    subscriptions.assign_from_user({BUSY, IDLE})
    fetcher = Fetcher(Client(), subscriptions, fetch_max_wait_ms=FULL_WAIT_MS, prefetch_backoff=0)
    return fetcher, subscriptions.subscription.assignment


async def planned(waiting: bool) -> tuple[int, set[int]]:
    """How long the next request may sleep, and which partitions it asks for."""
    fetcher, assignment = built()
    ask_again_soon(SimpleNamespace(_fetcher=fetcher))
    for tp in (BUSY, IDLE):
        assignment.state_value(tp).reset_to(0)
    if waiting:
        records = PartitionRecords(BUSY, MemoryRecords(b""), [], 0, None, None, False, 0)
        fetcher._records[BUSY] = FetchResult(
            BUSY, assignment=assignment, partition_records=records, backoff=0
        )
    ((_, request),), *_ = fetcher._get_actions_per_node(assignment)
    await fetcher.close()
    return request._max_wait_ms, {number for _, parts in request.topics for number, *_ in parts}


async def test_a_request_for_everything_may_sleep() -> None:
    assert await planned(waiting=False) == (FULL_WAIT_MS, {0, 1})


async def test_a_request_that_leaves_one_out_comes_back_soon() -> None:
    assert await planned(waiting=True) == (LEFT_OUT_WAIT_MS, {1})


async def test_who_only_keeps_its_membership_asks_where_it_stands_and_for_no_record() -> None:
    fetcher, assignment = built()
    fetch_nothing(SimpleNamespace(_fetcher=fetcher))
    assignment.state_value(BUSY).reset_to(0)
    assignment.state_value(IDLE).await_reset(0)

    requests, resets, *_ = fetcher._get_actions_per_node(assignment)
    await fetcher.close()

    assert requests == []
    assert list(resets.values()) == [[IDLE]]
