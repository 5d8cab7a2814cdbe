"""When and against whom the attacks of the demo happen."""

from __future__ import annotations

from collections import Counter

from hexi.inventory.v1 import inventory_service_pb2 as inventory
from hexi.scheduler.v1 import place_pb2
from hexi.telemetry.v1 import telemetry_pb2
from hexi_contracts import topics
from hexi_contracts.topic import Topic
from hexi_kit.clock import SystemClock, clock_from

from hexi_demo import attack
from hexi_demo.attack import Victim
from hexi_demo.audit import log
from hexi_demo.audit.capacity import LIVE
from hexi_demo.pace import Pace
from hexi_demo.province import SITES
from hexi_demo.stage import Stage

FORGE_AT, REPLAY_AT = 0.25, 0.35
SEQUENCE_AHEAD = 1_000
TRIES_MAX, RETRY_S = 30, 0.5


class Assault:
    """`forged` counts the frames that were pushed and must all have been refused."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._facts = SITES[1]
        self.forged = 0
        self.refused = 0
        self.rack = ""

    async def run(self, pace: Pace) -> None:
        """Forge a frame for one rack, then play a true frame again."""
        await pace.until(FORGE_AT * pace.duration_s)
        before = _read(await self._true_frame())
        victim = await self._victim(before)
        clock = clock_from(self._stage.hexi.environment["HEXI_CLOCK"])
        fake = attack.forged(victim, before.sequence + SEQUENCE_AHEAD, clock.now_ms())
        self._stage.view.say(f"attack: a forged frame for rack {self.rack}")
        await self._push(victim, fake)
        await pace.until(REPLAY_AT * pace.duration_s)
        true = await self._true_frame()
        self._stage.view.say(f"attack: a frame of {victim.site_id} is played again")
        await self._push(victim, true)

    async def _push(self, victim: Victim, frame: telemetry_pb2.SignedFrame) -> None:
        # The agent's own certificate in wrong hands: the door opens, the frames must not pass.
        thief = self._stage.cast.of(f"agent-{victim.site_id}")
        address = self._stage.hexi.addresses["telemetry"]
        clock, refused = SystemClock(), []
        # Telemetry may be away just now; an attacker would come again.
        for _ in range(TRIES_MAX):
            refused = await attack.push(address, thief, attack.hello(victim, thief), [frame])
            if refused:
                break
            await clock.sleep(RETRY_S)
        self.forged += 1
        self.refused += len(refused)
        for one in refused:
            reason = telemetry_pb2.FrameRefusal.Name(one.reason)
            self._stage.view.say(f"telemetry refused it: {reason} {one.detail}")

    async def _victim(self, frame: telemetry_pb2.Frame) -> Victim:
        stub = await self._stage.doors.inventory("operator")
        answer = await stub.GetServerSet(
            inventory.GetServerSetRequest(site_id=self._facts.site_id), timeout=10
        )
        servers = answer.server_set
        live = await self._live()
        busiest = Counter(servers.rack_index[a.server] for r in live for a in r.allocations)
        rack = max(busiest, key=lambda index: (busiest[index], index), default=0)
        self.rack = servers.racks[rack]
        members = [i for i, r in enumerate(servers.rack_index) if r == rack]
        return Victim(
            site_id=frame.site_id,
            agent_id=frame.agent_id,
            epoch=frame.epoch,
            server_set_revision=servers.revision,
            first_server=members[0],
            count=len(members),
        )

    async def _true_frame(self) -> telemetry_pb2.SignedFrame:
        """The newest frame of the site as it stands in the log."""
        mine, clock = self._facts.site_id, SystemClock()
        # Who signs or keeps frames may have died before the first, and be about to come back.
        for _ in range(TRIES_MAX):
            frames = [e.value for e in await self._log(topics.TELEMETRY_FRAME) if e.key == mine]
            if frames:
                newest = frames[-1]
                assert isinstance(newest, telemetry_pb2.SignedFrame)
                return newest
            await clock.sleep(RETRY_S)
        raise TimeoutError(f"{mine} has no frame in the log after {TRIES_MAX} looks")

    async def _live(self) -> list[place_pb2.PlacementRecord]:
        """What runs on the site by its journal."""
        newest: dict[str, place_pb2.PlacementRecord] = {}
        for entry in await self._log(topics.SCHEDULER_PLACEMENT):
            if entry.key.startswith(f"{self._facts.site_id}/p/") and isinstance(
                entry.value, place_pb2.PlaceJournal
            ):
                newest[entry.key] = entry.value.placement
        return [record for record in newest.values() if record.state in LIVE]

    async def _log(self, topic: Topic) -> list[log.Entry]:
        hexi, cast = self._stage.hexi, self._stage.cast
        return (await log.read(hexi.kafka, cast.of("supervisor"), [topic])).of(topic)


def _read(signed: telemetry_pb2.SignedFrame) -> telemetry_pb2.Frame:
    return telemetry_pb2.Frame.FromString(signed.frame)
