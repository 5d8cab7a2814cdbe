"""A province for benchmarks: the real services, the demo's sites, no agents."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from hexi.inventory.v1 import inventory_service_pb2 as inventory
from hexi.scheduler.v1 import scheduler_service_pb2 as scheduler
from hexi_agent.fleet import make_server_set
from hexi_demo import identities, province, setup
from hexi_demo.doors import Doors
from hexi_kit.clock import SystemClock
from hexi_kit.kafka.tail import Apply, LogTail
from hexi_local import LocalHexi, LocalOptions

TENANT = "university"
READY_POLL_S = 0.2


@dataclass(slots=True)
class Province:
    """What a benchmark may touch."""

    hexi: LocalHexi
    doors: Doors
    stack: AsyncExitStack
    cast: identities.Cast

    async def follow(self, topics: Sequence, apply: Apply) -> None:
        """Read topics as the supervisor, who may read all, until the province ends; caught up."""
        tail = LogTail(self.hexi.kafka, self.cast.of("supervisor"), topics, apply)
        await self.stack.enter_async_context(tail.followed())

    async def admit(self, servers: int) -> None:
        """Register, publish and admit the six sites; return when ROUTE can see them all."""
        await setup.admit_sites(self.doors, servers, province.SITES)
        operator = await self.doors.inventory("operator")
        for facts in province.SITES:
            server_set = make_server_set(
                facts.site_id, province.servers_of(facts, servers), seed=1, host_server=False
            )
            await operator.PublishServerSet(
                inventory.PublishServerSetRequest(
                    idempotency_key=f"bench-{facts.site_id}", server_set=server_set
                ),
                timeout=60,
            )
        stub = await self.doors.scheduler(f"tenant-{TENANT}")
        while True:
            states = (await stub.ListSiteStates(scheduler.ListSiteStatesRequest())).sites
            if sum(c.servers for s in states for c in s.classes) >= servers:
                return
            await SystemClock().sleep(READY_POLL_S)


@asynccontextmanager
async def running(
    services: Sequence[str] | None,
    environment: Mapping[str, str] | None = None,
    clock: str = "system",
) -> AsyncIterator[Province]:
    """The named services on a fresh broker and database; everything is gone afterwards."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        options = LocalOptions(
            state_dir=folder, clock=clock, services=services, environment=environment or {}
        )
        hexi = await stack.enter_async_context(LocalHexi(options))
        cast = identities.issue(folder / "pki")
        doors = Doors(hexi.addresses, cast, stack)
        yield Province(hexi, doors, stack, cast)
