"""Windows of maintenance, both ways."""

from __future__ import annotations

from collections.abc import Sequence

from hexi.inventory.v1 import inventory_pb2 as pb
from hexi_kit.rpc.validate import Violations

from hexi_inventory.domain.site import Maintenance

WINDOWS_MAX = 200
RACKS_MAX = 20_000
TIME_MS_MAX = 253_402_300_799_000


def check_maintenance(found: Violations, windows: Sequence[pb.Maintenance]) -> None:
    """Each window has a name of its own, begins before it ends, and names racks once."""
    field = "site.maintenance"
    found.bounded(field, len(windows), 0, WINDOWS_MAX)
    names = [window.window_id for window in windows]
    found.require(len(set(names)) == len(names), field, "expected every window_id once")
    for index, window in enumerate(windows[:WINDOWS_MAX]):
        at = f"{field}[{index}]"
        found.identifier(f"{at}.window_id", window.window_id)
        found.bounded(f"{at}.start_ms", window.start_ms, 1, TIME_MS_MAX)
        found.bounded(f"{at}.end_ms", window.end_ms, window.start_ms + 1, TIME_MS_MAX)
        found.bounded(f"{at}.racks", len(window.racks), 0, RACKS_MAX)
        racks = window.racks[:RACKS_MAX]
        found.require(len(set(racks)) == len(racks), f"{at}.racks", "expected every rack once")
        for rack in racks:
            found.text(f"{at}.racks", rack, 64)


def maintenance_of(windows: Sequence[pb.Maintenance]) -> tuple[Maintenance, ...]:
    return tuple(Maintenance(w.window_id, w.start_ms, w.end_ms, tuple(w.racks)) for w in windows)


def maintenance_messages(windows: Sequence[Maintenance]) -> list[pb.Maintenance]:
    return [
        pb.Maintenance(window_id=w.window_id, start_ms=w.start_ms, end_ms=w.end_ms, racks=w.racks)
        for w in windows
    ]
