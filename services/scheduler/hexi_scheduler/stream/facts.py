"""What other services say about sites, handed on as commands of the site's partition."""

from __future__ import annotations

from hexi.inventory.v1 import inventory_pb2
from hexi.marketplace.v1 import marketplace_pb2
from hexi.scheduler.v1 import place_pb2
from hexi.security.v1 import security_pb2
from hexi.telemetry.v1 import measure_pb2
from hexi_contracts import topics
from hexi_kit import ids
from hexi_kit.clock import Clock
from hexi_kit.errors import Poison
from hexi_kit.kafka.codec import decode_all
from hexi_kit.kafka.ports import Publisher
from hexi_kit.kafka.record import Outgoing, Record

from hexi_scheduler.wire.facts import server_set
from hexi_scheduler.wire.latency import said_by_measures
from hexi_scheduler.wire.place_commands import (
    said_by_inventory,
    said_by_market,
    said_by_security,
)

HEARD = {
    topic.name: topic
    for topic in (
        topics.INVENTORY_SITE,
        topics.INVENTORY_SERVER_SET,
        topics.SECURITY_DIRECTIVE,
        topics.MARKETPLACE_LEASE,
        topics.TELEMETRY_MEASURE,
    )
}


class Facts:
    """Handler of one group over all these topics. PLACE drops what it has taken in already."""

    def __init__(self, publisher: Publisher, clock: Clock) -> None:
        self._publisher, self._clock = publisher, clock

    async def handle(self, records: list[Record]) -> None:
        """One partition's records in order; they are commands when this returns."""
        living = [record for record in records if record.value is not None]
        if not living:
            return
        now_ms = self._clock.now_ms()
        outgoing = []
        messages = decode_all(HEARD[living[0].topic], living)
        for index, (record, message) in enumerate(zip(living, messages, strict=True)):
            try:
                said = _command(message, now_ms)
            except Poison as poison:
                raise Poison(poison.reason, records.index(living[index])) from poison
            event_id = ids.derive("fact", record.topic, record.partition, record.offset)
            trace = record.headers.get("traceparent", b"").decode(errors="replace")
            outgoing.append(
                Outgoing(topics.SCHEDULER_COMMAND, said.site_id, said, event_id, traceparent=trace)
            )
        await self._publisher.send_all(outgoing)


def _command(
    message: inventory_pb2.SiteRecorded
    | inventory_pb2.ServerSet
    | security_pb2.DirectiveIssued
    | marketplace_pb2.LeaseGranted
    | measure_pb2.SiteMeasured,
    now_ms: int,
) -> place_pb2.SiteCommand:
    if isinstance(message, security_pb2.DirectiveIssued):
        said = said_by_security(message, now_ms)
    elif isinstance(message, marketplace_pb2.LeaseGranted):
        said = said_by_market(message, now_ms)
    elif isinstance(message, measure_pb2.SiteMeasured):
        said = said_by_measures(message, now_ms)
    else:
        if isinstance(message, inventory_pb2.ServerSet):
            server_set(message)  # what PLACE could not read is refused here
        said = said_by_inventory(message, now_ms)
    if not said.site_id:
        raise Poison("expected a site id, was none")
    return said
