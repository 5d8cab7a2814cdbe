"""Doors of the process, and what stands beside the frames and has a task of its own."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

import asyncpg
from hexi.telemetry.v1.measure_service_pb2_grpc import add_MeasureServiceServicer_to_server
from hexi.telemetry.v1.series_service_pb2_grpc import add_SeriesServiceServicer_to_server
from hexi.telemetry.v1.telemetry_service_pb2_grpc import add_TelemetryServiceServicer_to_server
from hexi_kit.clock import Clock, SystemClock
from hexi_kit.identity import Identity
from hexi_kit.lifecycle import Lifecycle
from hexi_kit.rpc.server import Registration

from hexi_telemetry.api import Certificates, DoorNeeds, Quotas, TelemetryServicer
from hexi_telemetry.api.measures import MeasureServicer
from hexi_telemetry.api.series import SeriesNeeds, SeriesServicer
from hexi_telemetry.domain.live import Live
from hexi_telemetry.handlers.look import Board
from hexi_telemetry.handlers.measures import Measures
from hexi_telemetry.handlers.push import PushFrames
from hexi_telemetry.handlers.series import Series
from hexi_telemetry.handlers.sites import KnownSites
from hexi_telemetry.ports.streams import Reads
from hexi_telemetry.settings import TelemetrySettings
from hexi_telemetry.store.days import SeriesDays
from hexi_telemetry.store.measures import PostgresMeasures
from hexi_telemetry.store.series import PostgresSeries

Run = Callable[[], Coroutine[Any, Any, None]]


class Beside(NamedTuple):
    """Doors for the server; tasks that run as long as the process."""

    doors: list[Registration]
    tasks: dict[str, Run]

    def hang(self, lifecycle: Lifecycle) -> None:
        for name, run in self.tasks.items():
            lifecycle.add_background(name, run)


def frame_door(
    push: PushFrames,
    reads: Reads,
    known: KnownSites,
    settings: TelemetrySettings,
    identity: Identity,
) -> Registration:
    """Where agents push frames, and others read what came of them."""
    certificates = Certificates(identity.authority(), SystemClock())
    quotas = Quotas(SystemClock(), settings.quota)
    door = TelemetryServicer(DoorNeeds(push, reads, known, certificates, quotas))
    return add_TelemetryServiceServicer_to_server, door


class Looking(NamedTuple):
    """What keeps series, and what stands beside the frames for those who look."""

    series: Series
    beside: Beside


def looking(
    pool: asyncpg.Pool[Any],
    known: KnownSites,
    live: Live,
    settings: TelemetrySettings,
    clock: Clock,
) -> Looking:
    """Series by the minute, and the province as it is now."""
    days = SeriesDays(pool, clock, settings.series_days)
    store = PostgresSeries(pool, days)
    series = Series(store, known, clock)
    board = Board(live, clock)
    door = SeriesServicer(SeriesNeeds(store, known, board, SystemClock()))
    tasks = {"series": series.run, "series days": days.run, "board": board.tell}
    return Looking(series, Beside([(add_SeriesServiceServicer_to_server, door)], tasks))


def beside_frames(
    pool: asyncpg.Pool[Any], known: KnownSites, settings: TelemetrySettings, clock: Clock
) -> Beside:
    """Measures of links and machines."""
    store = PostgresMeasures(pool)
    measures = Measures(store, known, settings.measures, clock)
    door = MeasureServicer(measures, store)
    return Beside([(add_MeasureServiceServicer_to_server, door)], {"measures": measures.run})
