"""Reads frames, server sets and standings as far as the monitor looks at them."""

from __future__ import annotations

import numpy as np
from google.protobuf.message import DecodeError
from hexi.inventory.v1 import inventory_pb2
from hexi.telemetry.v1 import telemetry_pb2
from hexi_kit.errors import Poison

from hexi_security_monitor.domain.clocks import SiteStanding
from hexi_security_monitor.domain.watch import Flags, RackMap, Reading
from hexi_security_monitor.wire.events import SITE_ID, TIME_MS_MAX

SERVERS_MAX = 200_000
PERIOD_MS_MAX = 24 * 3_600_000
REVISION_MAX = 2**53


def reading_of(message: telemetry_pb2.SignedFrame) -> Reading:
    """A frame's good readings; the signature was checked by telemetry.

    Raises:
        Poison: the record cannot be a frame that was accepted.
    """
    try:
        frame = telemetry_pb2.Frame.FromString(message.frame)
    except DecodeError as error:
        raise Poison(f"expected a frame, was {len(message.frame)} bytes of garbage") from error
    site_id = _site_id(frame.site_id)
    if not 1 <= frame.count <= SERVERS_MAX or frame.first_server > SERVERS_MAX:
        raise Poison(f"expected 1 to {SERVERS_MAX} servers, was {frame.count}")
    if not 1 <= frame.observed_at_ms <= TIME_MS_MAX or not 1 <= frame.period_ms <= PERIOD_MS_MAX:
        raise Poison(f"expected a time and a period, was {frame.observed_at_ms}")
    if frame.server_set_revision > REVISION_MAX:
        raise Poison(f"expected a revision, was {frame.server_set_revision}")
    return Reading(
        site_id,
        frame.server_set_revision,
        frame.observed_at_ms,
        frame.period_ms,
        frame.first_server,
        _good(frame.quality, frame.count),
    )


def racks_of(message: inventory_pb2.ServerSet) -> RackMap:
    """The racks of a server set.

    Raises:
        Poison: servers stand in racks the set does not name.
    """
    rack_of = np.fromiter(message.rack_index, np.int32, len(message.rack_index))
    if not len(rack_of) or len(rack_of) > SERVERS_MAX or rack_of.max() >= len(message.racks):
        raise Poison(f"expected servers in {len(message.racks)} racks, was another index")
    if not 1 <= message.revision <= REVISION_MAX:
        raise Poison(f"expected a revision, was {message.revision}")
    if any(not rack or len(rack) > 512 or "\x00" in rack for rack in message.racks):
        raise Poison("expected names of racks, was empty, too long or not text")
    return RackMap(_site_id(message.site_id), message.revision, tuple(message.racks), rack_of)


def standing_of(message: inventory_pb2.SiteRecorded) -> SiteStanding:
    """What the monitor keeps of a site."""
    site = message.site
    return SiteStanding(
        _site_id(site.site_id),
        min(site.security_grade, 5),
        site.state_owned_cloud,
        message.state == inventory_pb2.ADMISSION_STATE_ADMITTED,
    )


def admitted_of(message: inventory_pb2.AdmissionChanged) -> tuple[str, bool]:
    """A site and whether it is admitted now."""
    is_admitted = message.state == inventory_pb2.ADMISSION_STATE_ADMITTED
    return _site_id(message.site_id), is_admitted


def _site_id(site_id: str) -> str:
    if not site_id or not SITE_ID.fullmatch(site_id):
        raise Poison(f"expected a site id, was {site_id[:80]!r}")
    return site_id


def _good(quality: bytes, count: int) -> Flags:
    if not quality:
        return np.ones(count, np.bool_)
    if len(quality) != (count + 7) // 8:
        raise Poison(f"expected a quality bit for {count} servers, was {len(quality)} bytes")
    bits = np.unpackbits(np.frombuffer(quality, np.uint8), count=count, bitorder="little")
    return bits.astype(np.bool_)
