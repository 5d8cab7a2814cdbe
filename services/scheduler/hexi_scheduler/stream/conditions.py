"""CONDITION: hears frames, tells PLACE as commands what servers and racks are in, and site loss."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from google.protobuf.message import DecodeError
from hexi.telemetry.v1 import telemetry_pb2
from hexi_contracts import topics
from hexi_kit import ids
from hexi_kit.clock import Clock
from hexi_kit.errors import Poison
from hexi_kit.journal.commands import Commands
from hexi_kit.kafka.codec import decode
from hexi_kit.kafka.deadletter import DeadLetters
from hexi_kit.kafka.ports import Publisher
from hexi_kit.kafka.record import Outgoing, Record

from hexi_scheduler.domain.closures import SiteLoss
from hexi_scheduler.domain.facts import JUDGED, ServerSet
from hexi_scheduler.domain.place.closure_commands import DeclareLoss, MeasureRacks
from hexi_scheduler.domain.place.conditions import Change, ConditionRules, Watch
from hexi_scheduler.domain.place.rack_watch import RackWatch
from hexi_scheduler.domain.place.site import Site
from hexi_scheduler.wire.facts import power_limits_w
from hexi_scheduler.wire.frame import readings
from hexi_scheduler.wire.place_commands import said_by_telemetry

Said = tuple[str, Change | DeclareLoss | MeasureRacks]


class Conditions:
    """Soft state: a watch per site, made anew with each server set from what PLACE holds."""

    def __init__(
        self,
        rules: ConditionRules,
        publisher: Publisher,
        dead_letters: DeadLetters,
        clock: Clock,
        site_of: Callable[[str], Site | None],
    ) -> None:
        self._rules, self._publisher, self._dead_letters = rules, publisher, dead_letters
        self._clock, self._site_of = clock, site_of
        self._watches: dict[str, tuple[ServerSet, Watch, RackWatch]] = {}

    async def handle(self, commands: Commands) -> None:
        """Frames by partition; changes are on the log when this returns."""
        changes: list[Said] = []
        for records in commands.values():
            for record in records:
                try:
                    changes.extend(self._hear(record))
                except Poison as poison:
                    await self._dead_letters.add(record, poison.reason)
        await self._tell(changes)

    async def run(self, interval_s: int) -> None:
        """Look for silence once per interval of the event clock."""
        while True:
            await self._clock.sleep(interval_s)
            await self._tell(self.look(self._clock.now_ms()))

    def look(self, now_ms: int) -> list[Said]:
        """Who is silent, which racks draw more or less, and which sites are gone or back."""
        said: list[Said] = []
        heard_ms = max((watch.newest_ms for _, watch, _ in self._watches.values()), default=0)
        for site_id, (_, watch, racks) in sorted(self._watches.items()):
            site = self._site_of(site_id)
            if site is None:
                continue
            said.extend((site_id, change) for change in watch.look(now_ms))
            measured = racks.look(now_ms)
            if measured is not None:
                said.append((site_id, measured))
            gone = _gone(site, watch.lost_since_ms(heard_ms))
            if gone is not None and watch.newest_ms:
                said.append((site_id, gone))
        return said

    def _hear(self, record: Record) -> list[Said]:
        signed = decode(topics.TELEMETRY_FRAME, record)
        try:
            frame = telemetry_pb2.Frame.FromString(signed.frame)
        except DecodeError as error:
            raise Poison("expected a frame, was garbage") from error
        heard = readings(frame)
        site = self._site_of(frame.site_id)
        if site is None or site.server_set is None:
            return []
        watch, racks = self.watch(site, site.server_set)
        # An old revision's indexes may name other servers.
        if frame.server_set_revision != site.server_set.revision:
            return []
        racks.hear(heard)
        return [(frame.site_id, change) for change in watch.hear(heard)]

    def watch(self, site: Site, server_set: ServerSet) -> tuple[Watch, RackWatch]:
        """What is known of the servers and racks of the set; nothing yet, when it is a new one."""
        known = self._watches.get(site.site_id)
        if known is not None and known[0] is server_set:
            return known[1:]
        limits_w = power_limits_w(server_set.body) or [0] * len(server_set.servers)
        watch = Watch(self._rules, limits_w)
        for condition in JUDGED:
            watch.starts_with(condition, site.out.get(condition, ()))
        keeping, told_milli = site.keeping, self._rules.rack_power_told_milli
        racks = RackWatch(keeping.layout(), keeping.rack_power, told_milli)
        self._watches[site.site_id] = (server_set, watch, racks)
        return watch, racks

    async def _tell(self, changes: Iterable[Said]) -> None:
        now_ms = self._clock.now_ms()
        await self._publisher.send_all(
            Outgoing(
                topics.SCHEDULER_COMMAND,
                site_id,
                said_by_telemetry(site_id, change, now_ms),
                ids.derive("condition", site_id, *_key(change), now_ms),
            )
            for site_id, change in changes
        )


def _gone(site: Site, lost_since_ms: int) -> DeclareLoss | None:
    """What changes by hearing the site, or by not hearing it for so long."""
    loss = site.keeping.loss
    if lost_since_ms and loss is None:
        return DeclareLoss(SiteLoss(lost_since_ms, declared=False, reason="silent"), active=True)
    if not lost_since_ms and loss is not None and not loss.declared:
        return DeclareLoss(SiteLoss(0, declared=False, reason="heard again"), active=False)
    return None


def _key(said: Change | DeclareLoss | MeasureRacks) -> tuple[str, int]:
    if isinstance(said, Change):
        return said.condition.name, int(said.active)
    return type(said).__name__, 0
