"""Goal: the embedded servers are real and closed to the uninvited. Method: knock as several."""

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, TopicAuthorizationFailedError
from hexi_contracts.topics import INVENTORY_SITE
from hexi_kit.identity import Identity, LocalAuthority
from hexi_kit.kafka.admin import ensure_topics, verify_topics
from hexi_kit.kafka.connection import client_options
from hexi_local import EmbeddedKafka, EmbeddedPostgres

pytestmark = pytest.mark.integration


async def produce(kafka: EmbeddedKafka, identity: Identity | None) -> None:
    options = client_options(kafka.bootstrap, identity)
    producer = AIOKafkaProducer(**options, request_timeout_ms=5_000)
    try:
        await producer.start()
        await producer.send_and_wait(INVENTORY_SITE.name, b"value", key=b"key", partition=0)
    finally:
        await producer.stop()


async def test_a_topic_takes_records_from_its_producer_alone(kafka: EmbeddedKafka) -> None:
    await ensure_topics(kafka.bootstrap, kafka.supervisor, [INVENTORY_SITE])

    await produce(kafka, kafka.identity("inventory"))

    with pytest.raises(TopicAuthorizationFailedError):
        await produce(kafka, kafka.identity("telemetry"))
    assert not await verify_topics(kafka.bootstrap, kafka.supervisor, [INVENTORY_SITE])


async def test_a_caller_without_or_with_a_foreign_certificate_is_not_heard(
    kafka: EmbeddedKafka, tmp_path
) -> None:
    foreign = LocalAuthority(tmp_path)
    foreign.ensure_ca()
    stranger = foreign.issue("inventory", "spiffe://hexi/service/inventory", "inventory")
    known = kafka.identity("inventory")
    # It trusts the broker, the broker does not trust it.
    pretender = Identity(stranger.cert_path, stranger.key_path, known.ca_path)

    for identity in (None, pretender):
        with pytest.raises(KafkaError):
            await produce(kafka, identity)


async def test_a_service_cannot_read_the_schema_of_another(
    postgres: EmbeddedPostgres, database: str
) -> None:
    own = await asyncpg.connect(postgres.dsn("settlement", database))
    await own.execute("create table secret (value int)")
    other = await asyncpg.connect(postgres.dsn("marketplace", database))

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await other.execute("select * from settlement.secret")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await other.execute("create table public.anything (value int)")

    assert await own.fetchval("select count(*) from secret") == 0
    await own.close()
    await other.close()


async def test_a_wrong_password_is_refused_and_data_are_synced(postgres: EmbeddedPostgres) -> None:
    dsn = postgres.dsn("settlement")
    password = dsn.partition("://")[2].partition("@")[0].partition(":")[2]

    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(dsn.replace(password, "guess"))

    connection = await asyncpg.connect(dsn)
    assert await connection.fetchval("show fsync") == "on"
    await connection.close()
