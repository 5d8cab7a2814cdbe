"""Rows of the inventory as values, and what is published of them."""

from __future__ import annotations

from typing import Any

from hexi.inventory.v1 import inventory_pb2 as pb
from hexi_contracts.topics import INVENTORY_ADMISSION, INVENTORY_SERVER_SET, INVENTORY_SITE
from hexi_kit.ids import derive
from hexi_kit.kafka.record import Outgoing
from hexi_kit.tracing import current_traceparent

from hexi_inventory.domain.admission import Admission
from hexi_inventory.domain.record import ServerSetRecord, SiteRecord
from hexi_inventory.domain.server_set import Difference
from hexi_inventory.wire.admission import admission_message, admission_of
from hexi_inventory.wire.server_set import server_set_message, server_set_of
from hexi_inventory.wire.site import recorded, site_of, state_of


def site_record(row: Any) -> SiteRecord:
    return SiteRecord(
        site_of(pb.Site.FromString(row["site"])),
        row["revision"],
        state_of(row["state"]),
        row["valid_from_ms"],
        row["recorded_at_ms"],
        row["recorded_by"],
    )


def server_set_record(row: Any) -> ServerSetRecord:
    return ServerSetRecord(
        server_set_of(pb.ServerSet.FromString(row["server_set"])),
        row["revision"],
        Difference(row["added"], row["removed"], row["changed"]),
        row["recorded_at_ms"],
        row["recorded_by"],
    )


def admission_step(row: Any) -> Admission:
    return admission_of(pb.AdmissionChanged.FromString(row["admission"]), row["step"])


def site_event(record: SiteRecord, changed_at_ms: int) -> Outgoing:
    site_id = record.site.site_id
    event_id = derive(
        INVENTORY_SITE.name, site_id, record.revision, record.state.name, changed_at_ms
    )
    return Outgoing(
        INVENTORY_SITE, site_id, recorded(record), event_id, traceparent=current_traceparent()
    )


def server_set_event(record: ServerSetRecord) -> Outgoing:
    site_id = record.servers.site_id
    return Outgoing(
        INVENTORY_SERVER_SET,
        site_id,
        server_set_message(record),
        derive(INVENTORY_SERVER_SET.name, site_id, record.revision),
        traceparent=current_traceparent(),
    )


def admission_event(step: Admission) -> Outgoing:
    return Outgoing(
        INVENTORY_ADMISSION,
        step.site_id,
        admission_message(step),
        derive(INVENTORY_ADMISSION.name, step.site_id, step.step),
        traceparent=current_traceparent(),
    )
