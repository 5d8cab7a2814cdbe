"""The newest state of every site, for readers."""

from __future__ import annotations

from hexi.scheduler.v1 import route_pb2

from hexi_scheduler.domain.offer import SiteOffer
from hexi_scheduler.wire.offer import offer


class SiteStateView:
    """Holds what scheduler.site-state.v1 said last about each site."""

    def __init__(self) -> None:
        self._states: dict[str, route_pb2.SiteState] = {}
        self._offers: dict[str, SiteOffer] = {}

    def set(self, state: route_pb2.SiteState) -> None:
        self._states[state.site_id] = state
        self._offers[state.site_id] = offer(state)

    def all(self) -> list[route_pb2.SiteState]:
        return [self._states[site_id] for site_id in sorted(self._states)]

    def offers(self) -> dict[str, SiteOffer]:
        """The same, as ROUTE reads them."""
        return self._offers
