"""When a demand will fit in a site, as the deadlines of what runs there now tell."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from hexi_scheduler.domain.explain.fleet import Fleet, Kind
from hexi_scheduler.domain.place.free_server import FreeServer
from hexi_scheduler.domain.placement import Allocation
from hexi_scheduler.domain.workload import Demand, Resources


class Live(NamedTuple):
    """Work that holds servers."""

    parts: tuple[Allocation, ...]
    asked: Resources


class Ending(NamedTuple):
    """Work that will have ended by then."""

    end_ms: int
    live: Live


def start_in(
    fleet: Fleet,
    site_id: str,
    demand: Demand,
    kinds: frozenset[Kind],
    fit_now: int,
    endings: Iterable[Ending],
) -> int | None:
    """When all replicas fit if nothing else comes; None where what is known does not tell.

    `endings` come in their order; nobody reads on once all fits.
    """
    servers, asked = fleet.at(site_id), demand.resources
    per_server_max = demand.constraints.replicas_per_server_max or demand.replicas
    missing = demand.replicas - fit_now
    free: dict[int, FreeServer] = {}
    held: dict[int, int] = {}
    for end_ms, live in endings:
        for part in live.parts:
            server = part.server
            if not servers.serves(server, kinds):
                continue
            if server not in free:
                free[server] = FreeServer(servers, server)
                held[server] = min(per_server_max, free[server].replicas(asked))
            free[server].give(part, live.asked)
            more = min(per_server_max, free[server].replicas(asked))
            missing -= more - held[server]
            held[server] = more
        if missing <= 0:
            return end_ms
    return None
