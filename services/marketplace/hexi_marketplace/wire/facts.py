"""What inventory and security tell the market about sites."""

from __future__ import annotations

from hexi.inventory.v1 import inventory_pb2
from hexi.security.v1 import security_pb2
from hexi_kit.errors import Poison

from hexi_marketplace.domain.supply import Quarantine, Servers, SiteFacts


def read_site(message: inventory_pb2.SiteRecorded) -> SiteFacts:
    if not message.site.site_id:
        raise Poison("expected a site_id, was empty")
    return SiteFacts(
        message.site.site_id,
        message.revision,
        message.state == inventory_pb2.ADMISSION_STATE_ADMITTED,
        message.site.operator,
        message.site.pue_milli,
    )


def read_servers(message: inventory_pb2.ServerSet) -> Servers:
    """The columns the market looks at; columns that do not fit each other are Poison."""
    if not message.site_id:
        raise Poison("expected a site_id, was empty")
    count = len(message.rack_index)
    for name in ("cpu_milli", "accelerator_index", "accelerators"):
        length = len(getattr(message, name))
        # A site without accelerators may leave their columns out.
        if length != count and not (length == 0 and name != "cpu_milli"):
            raise Poison(f"expected {count} values of {name}, was {length}")
    if any(rack >= len(message.racks) for rack in message.rack_index):
        raise Poison(f"expected rack_index below {len(message.racks)}")
    if any(model > len(message.accelerator_models) for model in message.accelerator_index):
        raise Poison(f"expected accelerator_index up to {len(message.accelerator_models)}")
    return Servers(
        message.site_id,
        message.revision,
        tuple(message.racks),
        tuple(message.rack_index),
        tuple(message.cpu_milli),
        tuple(message.accelerator_models),
        tuple(message.accelerator_index) or (0,) * count,
        tuple(message.accelerators) or (0,) * count,
    )


def read_directive(message: security_pb2.DirectiveIssued) -> Quarantine:
    if not message.site_id or not message.directive_id:
        raise Poison("expected a site_id and a directive_id, one was empty")
    return Quarantine(
        message.directive_id, message.site_id, frozenset(message.racks), message.active
    )
