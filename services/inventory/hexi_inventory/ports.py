"""What handlers need from outside: a store that works in transactions."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from hexi_inventory.domain.admission import Admission, State
from hexi_inventory.domain.record import RequestKey, Rollup, ServerSetRecord, SiteRecord


@dataclass(frozen=True, slots=True)
class Page:
    """At most `size` rows after the row that `after` names."""

    size: int
    after: str


@dataclass(frozen=True, slots=True)
class Moment:
    """Which past is asked for; 0 means now."""

    valid_at_ms: int = 0
    recorded_at_ms: int = 0


class Work(Protocol):
    """One transaction. What is added is also published, once it is committed."""

    async def lock(self, site_id: str) -> SiteRecord | None:
        """The newest record; nobody else changes this site until the transaction ends."""
        ...

    async def answered(self, request: RequestKey) -> int | None:
        """The number this request was answered with. AlreadyExists when it asked otherwise."""
        ...

    async def remember(self, request: RequestKey, site_id: str, number: int) -> None: ...

    async def site(self, site_id: str, revision: int) -> SiteRecord | None: ...

    async def server_set(self, site_id: str, revision: int) -> ServerSetRecord | None:
        """Revision 0 is the newest."""
        ...

    async def admission(self, site_id: str, step: int) -> Admission | None:
        """Step 0 is the newest."""
        ...

    async def measured_pue_milli(self, site_id: str) -> int | None: ...

    async def add_site(self, record: SiteRecord) -> None: ...

    async def add_server_set(self, record: ServerSetRecord) -> None: ...

    async def add_admission(self, admission: Admission) -> None: ...

    async def stand(self, record: SiteRecord, state: State) -> None:
        """Change the standing of a site and tell it."""
        ...


class Inventory(Protocol):
    """The store: transactions for verbs, plain reads for questions."""

    def begin(self) -> AbstractAsyncContextManager[Work]: ...

    async def find_site(self, site_id: str, revision: int, moment: Moment) -> SiteRecord | None: ...

    async def find_server_set(self, site_id: str, revision: int) -> ServerSetRecord | None: ...

    async def list_sites(self, page: Page) -> Sequence[SiteRecord]: ...

    async def list_admissions(self, site_id: str, page: Page) -> Sequence[Admission]: ...


class Meter(Protocol):
    """Where metered intervals of sites are kept; a later revision replaces an earlier one."""

    async def add_rollups(
        self, topic: str, partition: int, next_offset: int, rollups: Sequence[Rollup]
    ) -> None: ...
