"""Goal: a refused caller is told in words the monitor understands, grouped by who it was."""

from __future__ import annotations

import json

import pytest
from hexi_contracts.topics import SECURITY_EVENT
from hexi_kit.refusal_events import tell_refusals
from hexi_kit.rpc.refusals import Refusal
from hexi_kit.testing.broker import FakeBroker
from hexi_kit.testing.clock import ManualClock
from hexi_kit.testing.producer import FakeProducer
from hexi_security_monitor.domain.event import Event
from hexi_security_monitor.wire.events import event_of

AGENT = "spiffe://hexi/site/lanzhou/agent/1"
OPERATOR = "spiffe://hexi/operator/duty"


async def told(principal: str, peer: str = "127.0.0.1:40001") -> Event:
    broker, clock = FakeBroker({SECURITY_EVENT.name: 16}), ManualClock()
    tell = tell_refusals(FakeProducer(broker, "inventory", clock), "inventory")
    refusal = Refusal(
        "permission-denied", principal, "/hexi.X/Y", "no", peer, clock.now_ms(), traceparent=""
    )
    await tell(refusal)
    (record,) = broker.records(SECURITY_EVENT.name)
    return event_of(json.loads(record.value or b""))


@pytest.mark.parametrize(
    ("principal", "culprit", "place"),
    [
        (AGENT, AGENT, "lanzhou"),
        (OPERATOR, OPERATOR, ""),
        ("anonymous", "127.0.0.1", ""),
        ("", "127.0.0.1", ""),
    ],
)
async def test_refusal_is_understood(principal: str, culprit: str, place: str) -> None:
    event = await told(principal)

    assert (event.kind, event.reason) == ("identity.refused", "permission-denied")
    assert (event.culprit, event.place) == (culprit, place)


async def test_nameless_caller_is_one_however_often_it_comes() -> None:
    first, second = await told("", "10.0.0.1:1"), await told("", "10.0.0.1:2")
    assert first.culprit == second.culprit
