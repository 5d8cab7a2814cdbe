"""Goal: a refused caller becomes an event the SOC can count. Method: a log in memory."""

import json

import pytest
from hexi_contracts.topics import SECURITY_EVENT
from hexi_kit.refusal_events import tell_refusals
from hexi_kit.rpc.refusals import Refusal
from hexi_kit.testing.broker import FakeBroker
from hexi_kit.testing.clock import ManualClock
from hexi_kit.testing.producer import FakeProducer

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize(
    ("principal", "key"),
    [
        ("spiffe://hexi/site/lanzhou/agent/1", b"lanzhou"),
        ("spiffe://hexi/soc/1", b"10.0.0.7"),
        ("anonymous", b"10.0.0.7"),
    ],
)
@pytest.mark.parametrize("kind", ["unauthenticated", "permission-denied", "handshake"])
async def test_an_event_is_keyed_by_site_or_host(kind: str, principal: str, key: bytes) -> None:
    broker = FakeBroker({SECURITY_EVENT.name: SECURITY_EVENT.partitions})
    producer = FakeProducer(broker, "inventory", ManualClock())
    refusal = Refusal(kind, principal, "/s/m", "expired", "10.0.0.7:4711", 1_000, TRACE)

    await tell_refusals(producer, "inventory")(refusal)

    (record,) = broker.records(SECURITY_EVENT.name)
    event = json.loads(record.value or b"")
    assert record.key == key
    assert record.headers["traceparent"] == TRACE.encode()
    assert event["time"] == 1_000
    assert event["actor"]["user"]["name"] == principal
    assert event["unmapped"]["hexi"]["kind"] == "identity.refused"
    assert event["unmapped"]["hexi"]["reason"] == kind
    assert event["unmapped"]["hexi"]["source"] == "10.0.0.7"
