"""Goal: no message, however odd, makes telemetry answer UNKNOWN or INTERNAL, or end.

Method: arbitrary messages built from the descriptor, to every method, as the site's agent.
"""

from __future__ import annotations

import pytest
from hexi.telemetry.v1 import telemetry_service_pb2
from hexi_kit.rpc.channel import open_channel
from hexi_kit.testing.fuzz import Attack, assault

pytestmark = pytest.mark.integration

SERVICE = telemetry_service_pb2.DESCRIPTOR.services_by_name["TelemetryService"]


async def test_every_method_answers_what_its_contract_says(world) -> None:
    await world.publish_site()
    service = await world.start()
    maker = world.maker()
    session = await world.open(maker)
    await session.push(*maker.frames(3))
    hints = {
        "site_id": [world.site],
        "agent_id": ["1"],
        "epoch": [2],
        "certificate": [maker.identity.certificate()],
    }
    before = await world.status(1)

    async with open_channel(world.address, world.pki.identity(world.agent)) as channel:
        statuses = await assault(channel, SERVICE, Attack(count=1_000, hints=hints))

    found = {status for answers in statuses.values() for status in answers}
    assert not found & {"UNKNOWN", "INTERNAL"}
    assert service.child.running
    # A hello may begin a later epoch; the first one keeps what was decided in it.
    assert await world.status(1) == before
