"""ROUTE hears the time in every partition, though no site has anything to say."""

from __future__ import annotations

from collections.abc import Iterable

from hexi.scheduler.v1 import route_pb2
from hexi_contracts import topics
from hexi_kit.kafka.record import Outgoing
from hexi_kit.testing.clock import ManualClock
from hexi_scheduler.domain.route.route import HearOffers
from hexi_scheduler.stream.ticker import Ticker
from hexi_scheduler.wire.route import request
from hexi_scheduler.wire.workload import WorkloadReader


class Outbox:
    """Keeps what was published."""

    def __init__(self) -> None:
        self.sent: list[Outgoing] = []

    async def send_all(self, events: Iterable[Outgoing]) -> None:
        self.sent.extend(events)


async def test_each_partition_of_route_hears_a_tick_once() -> None:
    outbox = Outbox()

    await Ticker(outbox, ManualClock(77_000), 60).tick([])

    sent = outbox.sent
    assert [one.partition for one in sent] == list(range(topics.SCHEDULER_REQUEST.partitions))
    assert len({one.event_id for one in sent}) == len(sent)
    for one in sent:
        message = one.message
        assert isinstance(message, route_pb2.Request)
        assert message.recorded_at_ms == 77_000
        assert request(message, WorkloadReader()) == HearOffers(())
