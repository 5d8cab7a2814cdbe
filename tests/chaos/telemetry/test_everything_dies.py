"""Goal: expected = received + recorded gaps, whichever of agent, service and broker is killed.

Method: real agents push by the minute into a real service and broker; some of them are killed with
-9 at once, come back by themselves, and in the end the log and the ledger are counted. The short
form kills all three together; the long form (HEXI_CHAOS=long) every choice of them, in turn.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from itertools import combinations
from pathlib import Path

import pytest
import yaml
from hexi.telemetry.v1 import telemetry_pb2
from hexi.telemetry.v1 import telemetry_service_pb2 as rpc
from hexi.telemetry.v1.telemetry_service_pb2_grpc import TelemetryServiceStub
from hexi_agent.spool import highest_sequences, pending
from hexi_agent.testing.beats import missed_beats, recorded_silence
from hexi_contracts.topics import TELEMETRY_FRAME, TELEMETRY_GAP
from hexi_demo import identities, province, setup
from hexi_demo.doors import Doors
from hexi_kit.clock import SystemClock
from hexi_kit.rpc.channel import open_channel
from hexi_kit.testing.whole_log import whole_log
from hexi_local import LocalHexi, LocalOptions

pytestmark = [pytest.mark.integration, pytest.mark.timeout(280)]
LONG = os.environ.get("HEXI_CHAOS") == "long"
FACTOR = 60
SERVERS = 2_000
SITES = province.SITES[:2]
AGENTS = tuple(f"agent-{facts.site_id}" for facts in SITES)
MORTALS = (("kafka",), ("telemetry",), AGENTS)
CHOICES = [sum(some, ()) for count in (1, 2, 3) for some in combinations(MORTALS, count)]
FRAMES_BETWEEN = 20
POLL_S = 0.1


class World:
    """Agents, inventory, telemetry and a broker of their own."""

    def __init__(self, hexi: LocalHexi, cast: identities.Cast, stack: AsyncExitStack, root: Path):
        self.hexi, self.cast, self.stack, self.root = hexi, cast, stack, root

    def home(self, agent: str) -> Path:
        return self.root / "agents" / agent

    async def start(self) -> None:
        doors = Doors(self.hexi.addresses, self.cast, self.stack)
        await setup.admit_sites(doors, SERVERS, province.SITES)
        channel = open_channel(self.hexi.addresses["telemetry"], self.cast.of("operator"))
        self.stub = TelemetryServiceStub(await self.stack.enter_async_context(channel))
        for facts, agent in zip(SITES, AGENTS, strict=True):
            home = self.home(agent)
            home.mkdir(parents=True)
            config = {
                "site_id": facts.site_id,
                "identity": agent,
                "state_dir": str(home),
                "period_ms": 10_000,
                "fleet": {"servers": SERVERS, "seed": 1},
            }
            (home / "agent.yaml").write_text(yaml.safe_dump(config))
            arguments = ["--config", str(home / "agent.yaml")]
            await self.hexi.start_further(agent, "hexi_agent.main", arguments, {})

    async def accepted(self, site_id: str) -> int:
        request = rpc.GetSiteStatusRequest(site_id=site_id)
        status = await self.stub.GetSiteStatus(request, timeout=30, wait_for_ready=True)
        return sum(stream.accepted for stream in status.streams)

    async def flow(self) -> None:
        """Wait until every site has got some more frames through."""
        for facts in SITES:
            wanted = await self.accepted(facts.site_id) + FRAMES_BETWEEN
            while await self.accepted(facts.site_id) < wanted:
                await SystemClock().sleep(POLL_S)

    async def kill(self, names: Sequence[str]) -> None:
        before = self.hexi.restarts
        for name in names:
            self.hexi.kill(name)
        for name in names:
            await self.hexi.until_ready(name, before[name] + 1)

    async def log_of(self, topic) -> list:
        return await whole_log(self.hexi.kafka, self.cast.of("supervisor"), topic)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    now_ms = SystemClock().now_ms()
    # Not pytest's own folder: the database runs as another user, who may not look into that.
    async with AsyncExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        options = LocalOptions(
            state_dir=root,
            services=("inventory", "telemetry"),
            clock=f"scaled:{now_ms}:{now_ms}:{FACTOR}",
        )
        hexi = await stack.enter_async_context(LocalHexi(options))
        made = World(hexi, identities.issue(root / "pki"), stack, root)
        await made.start()
        yield made


async def test_expected_is_received_and_recorded(world: World) -> None:
    for names in CHOICES if LONG else CHOICES[-1:]:
        await world.flow()
        await world.kill(names)
    await world.flow()
    for agent in AGENTS:
        await world.hexi.stop_one(agent)
    frames = [telemetry_pb2.Frame.FromString(f.frame) for f in await world.log_of(TELEMETRY_FRAME)]
    gaps = await world.log_of(TELEMETRY_GAP)

    for facts, agent in zip(SITES, AGENTS, strict=True):
        mine = [frame for frame in frames if frame.site_id == facts.site_id]
        assert pending(world.home(agent)) == 0
        (highest,) = highest_sequences(world.home(agent)).values()
        assert [frame.sequence for frame in mine] == list(range(1, highest + 1))
        silence = recorded_silence([gap for gap in gaps if gap.site_id == facts.site_id])
        assert silence == missed_beats(mine) != set()
