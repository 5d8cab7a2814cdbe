"""Hangs the doors of telemetry and runs them."""

from __future__ import annotations

import asyncio
import sys

from hexi_kit.db.migrate import migrate
from hexi_kit.db.outbox import OutboxRelay
from hexi_kit.db.pool import open_pool
from hexi_kit.identity.authorize import Authorizer
from hexi_kit.kafka.producer import EventProducer
from hexi_kit.process import prepare
from hexi_kit.refusal_events import tell_refusals
from hexi_kit.rpc.server import RpcOptions, RpcServer
from hexi_kit.settings import load

from hexi_telemetry.domain.live import Live
from hexi_telemetry.handlers.push import Needs, PushFrames
from hexi_telemetry.handlers.sites import KnownSites
from hexi_telemetry.parts import beside_frames, frame_door, looking
from hexi_telemetry.settings import TelemetrySettings
from hexi_telemetry.store import PostgresReads, PostgresSites, PostgresStreams, PostgresWindows
from hexi_telemetry.stream import FrameConsumer, Inbox, KafkaFrameLog, Keepers, RecentFrames

NAME = "telemetry"


async def run(settings: TelemetrySettings) -> int:
    process = prepare(NAME, settings)
    clock, identity, lifecycle = process.clock, process.identity, process.lifecycle
    pool = await open_pool(settings.postgres_dsn, NAME)
    await migrate(pool, "hexi_telemetry.store.migrations", NAME)
    known, live, recent = KnownSites(), Live(), RecentFrames()
    producer = EventProducer(settings.kafka_bootstrap, identity, NAME, clock)
    series, look = looking(pool, known, live, settings, clock)
    keepers = Keepers(PostgresWindows(pool), PostgresSites(pool), series)
    inbox = Inbox(keepers, known, recent, settings.energy, clock)
    consumer = FrameConsumer(settings.kafka_bootstrap, identity, inbox, producer, pool)
    streams, log = PostgresStreams(pool), KafkaFrameLog(producer, recent)
    push = PushFrames(Needs(streams, log, known, live, lifecycle.crash), clock, settings.bounds)
    door = frame_door(push, PostgresReads(pool), known, settings, identity)
    tell, ready = tell_refusals(producer, NAME), lifecycle.readiness
    options = RpcOptions(settings.listen, identity, NAME, clock, Authorizer(), tell, ready)
    beside = beside_frames(pool, known, settings, clock)
    server = RpcServer(options, [door, *beside.doors, *look.doors])
    lifecycle.add("pool", stop=pool.close)
    lifecycle.add("producer", producer.start, producer.stop)
    lifecycle.add_background("outbox", OutboxRelay(pool, producer).run)
    # Before the door opens, the ledger must have heard all the log says.
    lifecycle.add("inbox", lambda: consumer.start(lifecycle.crash), consumer.stop)
    lifecycle.add_background("windows", inbox.close_silent)
    beside.hang(lifecycle)
    look.hang(lifecycle)
    lifecycle.add("rpc", server.start, server.stop)
    return await lifecycle.run_until_signal()


if __name__ == "__main__":
    sys.exit(asyncio.run(run(load(TelemetrySettings, sys.argv[1:]))))
