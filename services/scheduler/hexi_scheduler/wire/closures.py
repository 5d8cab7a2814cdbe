"""Drains, site loss, rack power and failures: as commands in, as journal records in and out."""

from __future__ import annotations

from hexi.common.v1 import common_pb2
from hexi.scheduler.v1 import place_pb2
from hexi_kit.errors import Poison

from hexi_scheduler.domain.closures import Drain, RackPower, ServerFailure, SiteLoss
from hexi_scheduler.domain.place.closure_commands import DeclareLoss, DirectDrain, MeasureRacks
from hexi_scheduler.domain.place.closure_events import (
    DrainChanged,
    FailuresCounted,
    RackPowerMeasured,
    SiteLossChanged,
)
from hexi_scheduler.domain.place.keeping import KeepingEvent
from hexi_scheduler.wire.splice import nested

ClosureCommand = DirectDrain | DeclareLoss | MeasureRacks
CLOSURES = frozenset({"drain", "loss", "rack_power"})


def closure_command(message: place_pb2.SiteCommand) -> ClosureCommand:
    """A command of one of these kinds."""
    kind = message.WhichOneof("item")
    if kind == "drain":
        return DirectDrain(_drain(message.drain), message.drain.active)
    if kind == "loss":
        return DeclareLoss(_loss(message.loss), message.loss.lost)
    return MeasureRacks(_racks(message.rack_power), message.rack_power.measured_at_ms)


def closure_record(event: KeepingEvent, cause: common_pb2.Cause) -> tuple[str, bytes]:
    """The end of the key, and the value."""
    if isinstance(event, DrainChanged):
        said = _drain_message(DirectDrain(event.drain, not event.over))
        drained = place_pb2.DrainRecord(cause=cause, drain=said)
        return f"drain/{event.drain.drain_id}", nested(10, drained.SerializeToString())
    if isinstance(event, SiteLossChanged):
        loss = event.loss or SiteLoss(0, declared=False)
        told = _loss_message(DeclareLoss(loss, event.loss is not None))
        return "loss", nested(
            11, place_pb2.SiteLossRecord(cause=cause, loss=told).SerializeToString()
        )
    if isinstance(event, RackPowerMeasured):
        measured = _rack_power_message(MeasureRacks(event.racks, event.measured_at_ms))
        record = place_pb2.RackPowerRecord(cause=cause, measured=measured)
        return "rack-power", nested(12, record.SerializeToString())
    failed = [place_pb2.ServerFailures(**f._asdict()) for f in event.servers]
    counted = place_pb2.FailuresRecord(cause=cause, servers=failed)
    return "failures", nested(13, counted.SerializeToString())


def closure_event(journal: place_pb2.PlaceJournal) -> tuple[KeepingEvent, int] | None:
    """The event of a record of one of these kinds, and the offset it answers."""
    kind = journal.WhichOneof("item")
    if kind == "drain":
        said = journal.drain
        return DrainChanged(_drain(said.drain), not said.drain.active), said.cause.offset
    if kind == "loss":
        told = journal.loss.loss
        return SiteLossChanged(_loss(told) if told.lost else None), journal.loss.cause.offset
    if kind == "rack_power":
        measured = journal.rack_power.measured
        event = RackPowerMeasured(_racks(measured), measured.measured_at_ms)
        return event, journal.rack_power.cause.offset
    if kind == "failures":
        servers = tuple(
            ServerFailure(f.server, f.strikes, f.failed_at_ms, f.out_until_ms)
            for f in journal.failures.servers
        )
        return FailuresCounted(servers), journal.failures.cause.offset
    return None


def said_of_closure(site_id: str, said: ClosureCommand, now_ms: int) -> place_pb2.SiteCommand:
    """The command as it stands in the log."""
    command = place_pb2.SiteCommand(site_id=site_id, recorded_at_ms=now_ms)
    if isinstance(said, DirectDrain):
        command.drain.CopyFrom(_drain_message(said))
    elif isinstance(said, DeclareLoss):
        command.loss.CopyFrom(_loss_message(said))
    else:
        command.rack_power.CopyFrom(_rack_power_message(said))
    return command


def _drain_message(said: DirectDrain) -> place_pb2.DrainRequested:
    return place_pb2.DrainRequested(active=said.active, **said.drain._asdict())


def _loss_message(said: DeclareLoss) -> place_pb2.SiteLossDeclared:
    return place_pb2.SiteLossDeclared(lost=said.active, **said.loss._asdict())


def _rack_power_message(said: MeasureRacks) -> place_pb2.RackPowerMeasured:
    return place_pb2.RackPowerMeasured(
        racks=[rack for rack, _ in said.racks],
        power_w=[power_w for _, power_w in said.racks],
        measured_at_ms=said.measured_at_ms,
    )


def _drain(said: place_pb2.DrainRequested) -> Drain:
    if not said.drain_id:
        raise Poison("expected a drain with an id, was none")
    racks, servers = tuple(sorted(said.racks)), tuple(sorted(said.servers))
    return Drain(said.drain_id, racks, servers, said.evict_at_ms, said.reason)


def _loss(said: place_pb2.SiteLossDeclared) -> SiteLoss:
    return SiteLoss(said.lost_at_ms, said.declared, said.reason)


def _racks(said: place_pb2.RackPowerMeasured) -> tuple[RackPower, ...]:
    if len(said.racks) != len(said.power_w):
        raise Poison("expected a power for each rack")
    return tuple(RackPower(*item) for item in sorted(zip(said.racks, said.power_w, strict=True)))
