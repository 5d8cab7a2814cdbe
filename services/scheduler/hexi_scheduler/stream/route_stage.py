"""ROUTE on the log: requests in, decisions in its journal, orders to PLACE out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeGuard

from hexi.scheduler.v1 import place_pb2, route_pb2
from hexi_contracts import topics
from hexi_kit import ids
from hexi_kit.clock import Clock
from hexi_kit.journal.table import Items
from hexi_kit.kafka.record import Outgoing, Record
from hexi_kit.metrics import counter, gauge
from hexi_kit.tracing import span

from hexi_scheduler.domain.route.route import Route, RouteState
from hexi_scheduler.domain.route.route_policy import RoutePolicy
from hexi_scheduler.domain.route.router import RouteEvent, Router
from hexi_scheduler.domain.route.step_route import step
from hexi_scheduler.domain.rules import NO_RULES, Rules
from hexi_scheduler.stream.losses import Unsaved
from hexi_scheduler.stream.rounds import Rounds
from hexi_scheduler.stream.stage import Partition, Stage, StageParts
from hexi_scheduler.wire.route import entries, entry, orders, recover, request

ITEM_BYTES_MAX = 700_000


class RouteStage(Stage[Route]):
    """One router per owned partition of scheduler.request.v1."""

    name = "route"
    topic = topics.SCHEDULER_REQUEST

    def __init__(
        self, parts: StageParts, policy: RoutePolicy, clock: Clock, rules: Rules = NO_RULES
    ) -> None:
        super().__init__(parts)
        self._policy, self._rules, self._event_clock = policy, rules, clock
        self.routers: dict[int, Router] = {}
        self._partitions: dict[int, Partition] = {}
        self._routed = counter("scheduler.workloads_routed")
        self._waiting = gauge("scheduler.workloads_waiting")
        self._deferred = gauge("scheduler.workloads_deferred")
        self._unsaved = Unsaved()

    def build(self, partition: int, items: Items) -> None:
        router, own = Router(self._policy, self._rules), Partition()
        for key, value in items.items():
            offset = recover(router, key, value, self.reader)
            if offset >= 0:
                own.note(offset, key, value)
        self.routers[partition], self._partitions[partition] = router, own
        self._unsaved.rebuilt(partition, router)

    def forget(self, partition: int) -> None:
        self.routers.pop(partition, None)
        self._partitions.pop(partition, None)
        self._unsaved.forget(partition)

    def held(self, partition: int) -> Partition:
        return self._partitions[partition]

    def repeat(self, record: Record, rounds: Rounds[Route]) -> None:
        again = self._partitions[record.partition].answers(record.offset)
        routes = [entry(value, self.reader) for _, value in again]
        rounds.owe(record.partition, [route for route in routes if _owes(route)])

    def decide(self, record: Record, message: route_pb2.Request, rounds: Rounds[Route]) -> None:
        partition = record.partition
        traceparent = record.headers.get("traceparent", b"").decode(errors="replace")
        with span("scheduler.route", traceparent):
            asked = request(message, self.reader)
            events = step(self.routers[partition], asked, message.recorded_at_ms)
        written = entries(events, partition, record.offset)
        for event, made in zip(events, written, strict=True):
            rounds.write(partition, made, [event] if _owes(event) else [])
        if events:
            self._partitions[partition].decided = record.offset
            self._unsaved.count(partition, events)
            self._routed.add(sum(isinstance(event, Route) for event in events))
            self._waiting.set(sum(len(router.waiting) for router in self.routers.values()))
            self._deferred.set(sum(len(router.deferred) for router in self.routers.values()))

    async def pay(self, owed: Sequence[Route]) -> None:
        now_ms = self._event_clock.now_ms()
        outgoing: list[Outgoing] = []
        for site_id, commands in sorted(orders(owed, ITEM_BYTES_MAX).items()):
            head = place_pb2.SiteCommand(site_id=site_id, recorded_at_ms=now_ms)
            encoded = head.SerializeToString()
            for number, order in enumerate(commands):
                outgoing.append(
                    Outgoing(
                        topics.SCHEDULER_COMMAND,
                        site_id,
                        encoded + order.body,
                        ids.derive("order", site_id, order.name, number),
                        traceparent=order.traceparent,
                    )
                )
        await self.publisher.send_all(outgoing)


def _owes(event: RouteEvent | None) -> TypeGuard[Route]:
    return isinstance(event, Route) and event.state is RouteState.ROUTED
