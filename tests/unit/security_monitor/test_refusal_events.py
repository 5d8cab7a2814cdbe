"""Goal: a refused caller is told in words the monitor understands, grouped by who it was."""

from __future__ import annotations

import json

import pytest
from hexi_contracts.topics import SECURITY_EVENT
from hexi_kit.rpc.refusal_events import refusal_reporter, source_of
from hexi_kit.rpc.refusals import Refusal
from hexi_kit.testing.broker import FakeBroker
from hexi_kit.testing.clock import ManualClock
from hexi_kit.testing.producer import FakeProducer
from hexi_security_monitor.wire.events import event_of

AGENT = "spiffe://hexi/site/lanzhou/agent/1"


@pytest.mark.parametrize(
    ("principal", "peer", "source"),
    [
        (AGENT, "127.0.0.1:40001", AGENT),
        ("anonymous", "127.0.0.1:40001", "127.0.0.1"),
        ("anonymous", "[::1]:40001", "[::1]"),
        ("", "", "anonymous"),
        ("", "unix", "unix"),
    ],
)
def test_source_is_the_name_or_the_host(principal: str, peer: str, source: str) -> None:
    assert source_of(Refusal("handshake", principal, "", "no", peer)) == source


async def test_refusal_is_told_and_understood() -> None:
    broker, clock = FakeBroker({SECURITY_EVENT.name: 16}), ManualClock()
    report = refusal_reporter(FakeProducer(broker, "inventory", clock), "inventory", clock)

    await report(Refusal("permission-denied", AGENT, "/hexi.X/Y", "no (policy p)", "10.0.0.1:9"))

    (record,) = broker.records(SECURITY_EVENT.name)
    event = event_of(json.loads(record.value or b""))
    assert (event.kind, event.reason) == ("identity.refused", "permission-denied")
    assert (event.source, event.principal_site, event.place) == (AGENT, "lanzhou", "lanzhou")
    assert record.key == AGENT.encode()
    assert event.uid == record.headers["ce_id"].decode()
