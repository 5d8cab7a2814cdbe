"""Goal: effect, mark and event stand or fall together, on a real database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from google.protobuf.wrappers_pb2 import StringValue
from hexi_kit.clock import SystemClock
from hexi_kit.db import migrate as migrations
from hexi_kit.db.inbox import marks_of
from hexi_kit.db.migrate import MigrationError, migrate
from hexi_kit.db.outbox import OutboxRelay
from hexi_kit.db.pool import open_pool
from hexi_kit.db.unit_of_work import UnitOfWork
from hexi_kit.kafka.record import Outgoing, Record
from hexi_kit.testing.broker import FakeBroker
from hexi_kit.testing.log_suite import topic_named
from hexi_kit.testing.producer import FakeProducer

pytestmark = pytest.mark.integration
TOPIC = topic_named("kit.note.v1")
DEADLINE_S = 20


@pytest.fixture
async def pool(postgres, database) -> AsyncIterator[asyncpg.Pool]:
    made = await open_pool(postgres.dsn("settlement", database), "settlement")
    await migrate(made, migrations.OURS, "settlement")
    await made.execute("CREATE TABLE note (text text)")
    yield made
    await made.close()


@pytest.fixture
def broker() -> FakeBroker:
    return FakeBroker({TOPIC.name: 2})


def relay_of(pool: asyncpg.Pool, broker: FakeBroker) -> OutboxRelay:
    producer = FakeProducer(broker, "kit", SystemClock())
    return OutboxRelay(pool, producer, topics={TOPIC.name: TOPIC})


def event(n: int) -> Outgoing:
    return Outgoing(TOPIC, "k", StringValue(value=str(n)), f"e{n}", 0, "trace")


async def write(pool: asyncpg.Pool, n: int, *, fail: bool = False) -> None:
    async with UnitOfWork(pool) as uow:
        await uow.connection.execute("INSERT INTO note VALUES ($1)", str(n))
        uow.mark(TOPIC.name, 0, n + 1)
        uow.publish(event(n))
        if fail:
            raise LookupError("changed my mind")


async def counts(pool: asyncpg.Pool) -> tuple[Any, ...]:
    return tuple([await pool.fetchval(f"SELECT count(*) FROM {t}") for t in ("note", "outbox")])


async def published(broker: FakeBroker, count: int) -> list[str]:
    async with asyncio.timeout(DEADLINE_S):
        while len(broker.records(TOPIC.name)) < count:
            await broker.wait_for_growth(1)
    return [record.headers["ce_id"].decode() for record in broker.records(TOPIC.name)]


async def test_all_of_it_commits(pool) -> None:
    await write(pool, 7)

    assert await counts(pool) == (1, 1)
    assert await marks_of(pool)(TOPIC.name, 0) == 8
    assert await marks_of(pool)(TOPIC.name, 1) is None


async def test_nothing_of_it_commits(pool) -> None:
    with pytest.raises(LookupError):
        await write(pool, 7, fail=True)

    assert await counts(pool) == (0, 0)
    assert await marks_of(pool)(TOPIC.name, 0) is None


async def test_a_mark_never_goes_back(pool) -> None:
    await write(pool, 7)
    await write(pool, 3)

    assert await marks_of(pool)(TOPIC.name, 0) == 8


async def test_only_unseen_records_are_fresh(pool) -> None:
    await write(pool, 1)
    records = [Record(TOPIC.name, 0, offset, None, None) for offset in range(4)]

    async with UnitOfWork(pool) as uow:
        fresh = await uow.fresh(records)

    assert [record.offset for record in fresh] == [2, 3]


async def test_events_leave_in_the_order_of_their_commits(pool, broker) -> None:
    relay = asyncio.create_task(relay_of(pool, broker).run())
    for n in range(0, 200, 10):
        await asyncio.gather(*(write(pool, m) for m in range(n, n + 10)))
    committed = [
        f"e{row['text']}" for row in await pool.fetch("SELECT text FROM note ORDER BY ctid")
    ]
    ids = await published(broker, 200)
    relay.cancel()

    assert len(set(ids)) == 200
    assert sorted(ids) == sorted(committed)
    assert [i for i in ids if i in ("e0", "e10", "e20", "e190")] == ["e0", "e10", "e20", "e190"]


async def test_rows_stay_until_the_broker_has_them(pool, broker) -> None:
    class Refusing(FakeProducer):
        async def send_all(self, events: Any) -> None:
            raise ConnectionError("no broker")

    await write(pool, 1)
    refusing = OutboxRelay(pool, Refusing(broker, "kit", SystemClock()), topics={TOPIC.name: TOPIC})
    with pytest.raises(ConnectionError):
        await refusing.run()
    assert (await counts(pool))[1] == 1

    relay = asyncio.create_task(relay_of(pool, broker).run())
    assert await published(broker, 1) == ["e1"]
    relay.cancel()


async def test_a_second_relay_waits_and_takes_over(pool, broker) -> None:
    first = asyncio.create_task(relay_of(pool, broker).run())
    await write(pool, 1)
    await published(broker, 1)
    second = asyncio.create_task(relay_of(pool, broker).run())
    await write(pool, 2)
    await published(broker, 2)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    await write(pool, 3)

    assert await published(broker, 3) == ["e1", "e2", "e3"]
    second.cancel()


async def test_migrations_apply_once_and_are_never_edited(pool, monkeypatch) -> None:
    assert await migrate(pool, migrations.OURS, "settlement") == []

    real = migrations.migrations(migrations.OURS)
    edited = [migrations.Migration(m.name, m.phase, m.sql + "-- more") for m in real]
    monkeypatch.setattr(migrations, "migrations", lambda _: edited)
    with pytest.raises(MigrationError, match="was edited"):
        await migrate(pool, migrations.OURS, "settlement")


async def test_a_statement_ends_in_time(pool) -> None:
    async with pool.acquire() as connection:
        await connection.execute("SET statement_timeout = 20")
        with pytest.raises(asyncpg.QueryCanceledError):
            await connection.execute("SELECT pg_sleep(5)")
        await connection.execute("RESET statement_timeout")
