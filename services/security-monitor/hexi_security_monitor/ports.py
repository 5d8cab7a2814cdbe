"""What handlers need from outside: a store that works in transactions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from hexi_security_monitor.domain.clocks import SiteStanding
from hexi_security_monitor.domain.containment import Directive
from hexi_security_monitor.domain.event import Finding, Verdict
from hexi_security_monitor.domain.incident import Incident
from hexi_security_monitor.domain.watch import RackMap, Watch
from hexi_security_monitor.domain.window import Window

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Batch(Generic[Item]):
    """What was heard of one partition, with the offset of each."""

    topic: str
    partition: int
    items: tuple[tuple[int, Item], ...]


@dataclass(frozen=True, slots=True)
class Page:
    """At most `size` rows after the row that `after` names."""

    size: int
    after: str


@dataclass(frozen=True, slots=True)
class RequestKey:
    """The same key of the same caller means the same request: `digest` is of what it asked."""

    verb: str
    principal: str
    key: str
    digest: str


class Work(Protocol):
    """One transaction. Findings, incidents and directives that are put are also published."""

    async def fresh(self, batch: Batch[Item]) -> list[Item]:
        """What no committed transaction has seen; the batch is marked as seen by this one."""
        ...

    async def count(self, topic: str, verdicts: Mapping[Verdict, int]) -> None: ...

    async def standing(self, site_id: str) -> SiteStanding: ...

    async def put_standing(self, standing: SiteStanding) -> None: ...

    async def window(self, rule_id: str, group: str) -> Window: ...

    async def put_window(self, rule_id: str, group: str, window: Window) -> None: ...

    async def racks(self, site_id: str, revision: int) -> RackMap | None:
        """Revision 0 is the newest."""
        ...

    async def put_racks(self, racks: RackMap) -> None: ...

    async def watch(self, site_id: str) -> Watch | None: ...

    async def put_watch(self, watch: Watch) -> None: ...

    async def newest_incident(self, site_id: str, rule_id: str) -> Incident | None:
        """Locked until the transaction ends."""
        ...

    async def incident(self, incident_id: str) -> Incident | None:
        """Locked until the transaction ends."""
        ...

    async def put_incident(self, incident: Incident, *, tell: bool) -> None: ...

    async def add_finding(self, finding: Finding, incident_id: str) -> bool:
        """False when it is there already."""
        ...

    async def directive(self, directive_id: str) -> Directive | None: ...

    async def active_directives(self, site_id: str) -> Sequence[Directive]: ...

    async def put_directive(self, directive: Directive) -> None: ...

    async def answered(self, request: RequestKey) -> str | None:
        """The id this request was answered with. AlreadyExists when it asked otherwise."""
        ...

    async def remember(self, request: RequestKey, answer_id: str) -> None: ...


@dataclass(frozen=True, slots=True)
class IncidentView:
    """An incident with the ids of what belongs to it."""

    incident: Incident
    finding_ids: tuple[str, ...]
    directive_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Account:
    """in = matched + unmatched + refused + shed, for one topic."""

    topic: str
    matched: int
    unmatched: int
    refused: int
    shed: int


class Monitor(Protocol):
    """The store: transactions for verbs, plain reads for questions."""

    def begin(self) -> AbstractAsyncContextManager[Work]: ...

    async def refuse(self, topic: str, partition: int, offset: int, reason: str) -> None:
        """Count a record that goes to the dead letters, once however often it is read."""
        ...

    async def view(self, incident_id: str) -> IncidentView | None: ...

    async def list_incidents(
        self, site_id: str, open_only: bool, page: Page
    ) -> Sequence[IncidentView]: ...

    async def finding_documents(self, incident_id: str) -> Sequence[str]: ...

    async def accounts(self) -> Sequence[Account]: ...
