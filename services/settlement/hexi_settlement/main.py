"""Hangs the doors of settlement and runs it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

from hexi_kit.db.migrate import migrate
from hexi_kit.db.outbox import OutboxRelay
from hexi_kit.db.pool import open_pool
from hexi_kit.kafka.producer import EventProducer
from hexi_kit.process import prepare
from hexi_kit.settings import load

from hexi_settlement.api.server import server
from hexi_settlement.api.servicer import SettlementServicer
from hexi_settlement.handlers.close import MonthCloser
from hexi_settlement.handlers.write import Writer
from hexi_settlement.settings import SettlementSettings, load_rules
from hexi_settlement.store.ledger import PgLedger
from hexi_settlement.store.reader import PgReader
from hexi_settlement.stream.consumers import readers
from hexi_settlement.stream.groups import groups

NAME = "settlement"


async def run(settings: SettlementSettings) -> int:
    """Writer and relay first, then the log, then callers; in reverse at the end."""
    process = prepare(NAME, settings)
    clock, lifecycle = process.clock, process.lifecycle
    pool = await open_pool(settings.postgres_dsn, NAME)
    await migrate(pool, "hexi_settlement.store.migrations", NAME)
    producer = EventProducer(settings.kafka_bootstrap, process.identity, NAME, clock)
    reader, writer = PgReader(pool), Writer(PgLedger(pool), clock, load_rules())
    closer = MonthCloser(writer, reader, clock, settings.close_grace_ms)
    door = server(process, settings.listen, producer, SettlementServicer(writer, reader))
    lifecycle.add("pool", None, pool.close)
    lifecycle.add("producer", producer.start, producer.stop)
    lifecycle.add_background("outbox", OutboxRelay(pool, producer).run)
    lifecycle.add_background("writer", writer.run)
    lifecycle.add_background("closer", closer.run)
    for group in groups(process, settings.kafka_bootstrap, producer, pool, readers(writer)):
        lifecycle.add_background("consumer", group.run)
    lifecycle.add("rpc", door.start, door.stop)
    return await lifecycle.run_until_signal()


def main(argv: Sequence[str]) -> int:
    return asyncio.run(run(load(SettlementSettings, argv)))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
