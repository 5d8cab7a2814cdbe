"""What the handlers need from outside, as Protocols."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Protocol

from hexi.scheduler.v1 import place_pb2, route_pb2, scheduler_service_pb2, workload_pb2
from hexi_kit.kafka.record import Outgoing

from hexi_scheduler.domain.explain.fleet import Fleet
from hexi_scheduler.domain.explain.why_start import Ending
from hexi_scheduler.domain.offer import SiteOffer


class Publisher(Protocol):
    """Events out; returns when the broker has them all."""

    async def send_all(self, events: Iterable[Outgoing]) -> None: ...


class WorkloadJournal(Protocol):
    """Where the tail writes what the journals say."""

    def apply_route(self, key: str, value: bytes | None) -> None: ...

    def apply_placement(self, key: str, value: bytes | None) -> bool: ...


class PlacementChanges(Protocol):
    """Who is told of a site's placements as they change."""

    def is_watched(self, site_id: str) -> bool: ...

    def publish(self, site_id: str, placements: list[place_pb2.PlacementRecord]) -> None: ...


class Workloads(Protocol):
    """What a reader can ask about workloads."""

    @property
    def undecided(self) -> int: ...

    def note_submitted(self, workloads: Iterable[workload_pb2.Workload]) -> None: ...

    def get(self, workload_id: str) -> scheduler_service_pb2.WorkloadView | None: ...

    def page(
        self, tenant_id: str, state: workload_pb2.WorkloadState.ValueType, after: str, size: int
    ) -> list[scheduler_service_pb2.WorkloadView]: ...

    def placements_of(self, site_id: str) -> Iterable[place_pb2.PlacementRecord]: ...


class SiteStates(Protocol):
    """The newest state of every site, by site id."""

    def all(self) -> list[route_pb2.SiteState]: ...

    def offers(self) -> dict[str, SiteOffer]: ...


class FleetCopy(Protocol):
    """What every server has free, and when what runs ends."""

    @property
    def fleet(self) -> Fleet: ...

    def endings(self, site_id: str) -> Iterator[Ending]: ...


class OrderFeed(Protocol):
    """A site's orders: the full picture first, then every change."""

    def follow(
        self, site_id: str, executors: frozenset[str], most: int
    ) -> AsyncIterator[scheduler_service_pb2.WatchOrdersResponse]: ...
