"""Hangs the doors of the inventory and runs them."""

from __future__ import annotations

import asyncio
import sys

from hexi.inventory.v1 import inventory_service_pb2_grpc as pb_grpc
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

from hexi_inventory.api.servicer import InventoryServicer
from hexi_inventory.handlers import Desk
from hexi_inventory.settings import InventorySettings
from hexi_inventory.store.inventory import PostgresInventory
from hexi_inventory.store.rule_files import load_rule_set
from hexi_inventory.stream.rollups import TOPICS, RollupStream

NAME = "inventory"


async def run(settings: InventorySettings) -> int:
    process = prepare(NAME, settings)
    clock, identity, bootstrap = process.clock, process.identity, settings.kafka_bootstrap
    pool = await open_pool(settings.postgres_dsn, NAME, settings.inventory_connections_max)
    await migrate(pool, "hexi_inventory.store.migrations", NAME)
    inventory = PostgresInventory(pool, clock)
    desk = Desk(inventory, load_rule_set(settings.inventory_rule_set), clock)
    producer = EventProducer(bootstrap, identity, NAME, clock)
    relay = OutboxRelay(pool, producer)
    group = ConsumerOptions(bootstrap, identity, "inventory.rollup", TOPICS, NAME)
    stream = RollupStream(inventory)
    rollups = ConsumerGroup(
        group, stream.handle, publisher=producer, clock=clock, marks=marks_of(pool)
    )
    tell = tell_refusals(producer, NAME)
    ready = process.lifecycle.readiness
    options = RpcOptions(settings.listen, identity, NAME, clock, Authorizer(), tell, ready)
    add = pb_grpc.add_InventoryServiceServicer_to_server
    server = RpcServer(options, [(add, InventoryServicer(desk))])
    process.lifecycle.add("pool", stop=pool.close)
    process.lifecycle.add("producer", producer.start, producer.stop)
    process.lifecycle.add_background("outbox", relay.run)
    process.lifecycle.add_background("rollups", rollups.run)
    process.lifecycle.add("rpc", server.start, server.stop)
    return await process.lifecycle.run_until_signal()


if __name__ == "__main__":
    sys.exit(asyncio.run(run(load(InventorySettings, sys.argv[1:]))))
