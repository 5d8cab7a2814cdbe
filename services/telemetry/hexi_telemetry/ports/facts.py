"""What hearing inventory needs from outside: a place to keep it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from hexi_kit.kafka.record import Record

from hexi_telemetry.domain.facts import ServerSetFacts, SiteFacts


class SiteStore(Protocol):
    """What inventory said, kept."""

    async def load(self) -> tuple[list[SiteFacts], list[ServerSetFacts]]: ...

    async def save_sites(self, records: Sequence[Record], sites: Sequence[SiteFacts]) -> None: ...

    async def save_server_sets(
        self, records: Sequence[Record], server_sets: Sequence[ServerSetFacts]
    ) -> None: ...
