"""Why servers of a site leave placement for a while: values that commands and journal share."""

from __future__ import annotations

from typing import NamedTuple

SITE_LOST = "site lost"  # how the reason of work begins that went with its site


class Window(NamedTuple):
    """Announced maintenance in [start, end); no racks: the whole site."""

    start_ms: int
    end_ms: int
    window_id: str
    racks: tuple[str, ...] = ()


class Drain(NamedTuple):
    """Servers that an operator takes out; neither racks nor servers: the whole site.

    They take no new work from now on, and none runs there after `evict_at_ms`.
    """

    drain_id: str
    racks: tuple[str, ...] = ()
    servers: tuple[int, ...] = ()
    evict_at_ms: int = 0
    reason: str = ""


class SiteLoss(NamedTuple):
    """The site is gone: an operator declared it, or it was silent for too long."""

    lost_at_ms: int
    declared: bool
    reason: str = ""


class RackPower(NamedTuple):
    """What a rack drew when it was told last."""

    rack: str
    power_w: int


class ServerFailure(NamedTuple):
    """How often in a row, with little time between, work failed to start on a server."""

    server: int
    strikes: int
    failed_at_ms: int
    out_until_ms: int = 0
