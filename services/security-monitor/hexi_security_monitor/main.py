"""Hangs the doors of the security monitor and runs them."""

from __future__ import annotations

import asyncio
import sys

from hexi.security.v1 import security_service_pb2_grpc as pb_grpc
from hexi_kit.db.inbox import marks_of
from hexi_kit.db.migrate import migrate
from hexi_kit.db.outbox import OutboxRelay
from hexi_kit.db.pool import open_pool
from hexi_kit.identity.authorize import Authorizer
from hexi_kit.kafka.consumer import ConsumerGroup, ConsumerOptions
from hexi_kit.kafka.producer import EventProducer
from hexi_kit.process import prepare
from hexi_kit.refusal_events import tell_refusals
from hexi_kit.rpc.server import RpcOptions, RpcServer
from hexi_kit.settings import load

from hexi_security_monitor.api.servicer import SecurityServicer
from hexi_security_monitor.handlers.desk import Desk
from hexi_security_monitor.settings import SecurityMonitorSettings
from hexi_security_monitor.store.monitor import PostgresMonitor
from hexi_security_monitor.store.rule_files import load_text, parse_clocks, parse_rules
from hexi_security_monitor.stream.monitor import TOPICS, MonitorStream

NAME, SCHEMA = "security-monitor", "security_monitor"


async def run(settings: SecurityMonitorSettings) -> int:
    process = prepare(NAME, settings)
    clock, identity, bootstrap = process.clock, process.identity, settings.kafka_bootstrap
    pool = await open_pool(settings.postgres_dsn, SCHEMA, settings.security_connections_max)
    await migrate(pool, "hexi_security_monitor.store.migrations", SCHEMA)
    monitor = PostgresMonitor(pool, clock)
    rules = parse_rules(load_text(settings.security_rules))
    desk = Desk(monitor, rules, parse_clocks(load_text(settings.security_clocks)), clock)
    producer = EventProducer(bootstrap, identity, NAME, clock)
    group = ConsumerOptions(bootstrap, identity, NAME, TOPICS, NAME)
    handle = MonitorStream(desk).handle
    marks = marks_of(pool)
    listener = ConsumerGroup(group, handle, publisher=producer, clock=clock, marks=marks)
    tell = tell_refusals(producer, NAME)
    ready = process.lifecycle.readiness
    options = RpcOptions(settings.listen, identity, NAME, clock, Authorizer(), tell, ready)
    add = pb_grpc.add_SecurityServiceServicer_to_server
    server = RpcServer(options, [(add, SecurityServicer(desk))])
    process.lifecycle.add("pool", stop=pool.close)
    process.lifecycle.add("producer", producer.start, producer.stop)
    process.lifecycle.add_background("outbox", OutboxRelay(pool, producer).run)
    process.lifecycle.add_background("stream", listener.run)
    process.lifecycle.add("rpc", server.start, server.stop)
    return await process.lifecycle.run_until_signal()


if __name__ == "__main__":
    sys.exit(asyncio.run(run(load(SecurityMonitorSettings, sys.argv[1:]))))
