"""One transaction of the inventory in Postgres."""

from __future__ import annotations

from dataclasses import replace

from hexi_kit.clock import Clock
from hexi_kit.db.queries import load
from hexi_kit.db.unit_of_work import UnitOfWork
from hexi_kit.errors import AlreadyExists
from hexi_kit.metrics import counter

from hexi_inventory.domain.admission import Admission, State
from hexi_inventory.domain.record import RequestKey, ServerSetRecord, SiteRecord
from hexi_inventory.store import rows
from hexi_inventory.wire.admission import admission_message
from hexi_inventory.wire.server_set import server_set_message
from hexi_inventory.wire.site import site_message

QUERIES = load("hexi_inventory.store", "queries.sql")


class PostgresWork:
    """Lives as long as its unit of work; takes the lock of one site."""

    def __init__(self, uow: UnitOfWork, clock: Clock) -> None:
        self._uow, self._clock = uow, clock

    async def lock(self, site_id: str) -> SiteRecord | None:
        connection = self._uow.connection
        await connection.execute(QUERIES.lock_name, site_id)
        row = await connection.fetchrow(QUERIES.lock_site, site_id)
        return rows.site_record(row) if row else None

    async def answered(self, request: RequestKey) -> int | None:
        row = await self._uow.connection.fetchrow(
            QUERIES.answered, request.verb, request.principal, request.key
        )
        if row is None:
            return None
        if row["digest"] != request.digest:
            raise AlreadyExists("idempotency key", request.key)
        number: int = row["number"]
        return number

    async def remember(self, request: RequestKey, site_id: str, number: int) -> None:
        kept = await self._uow.connection.fetchval(
            QUERIES.remember,
            request.verb,
            request.principal,
            request.key,
            request.digest,
            site_id,
            number,
        )
        if kept is None:
            raise AlreadyExists("idempotency key", request.key)

    async def site(self, site_id: str, revision: int) -> SiteRecord | None:
        row = await self._uow.connection.fetchrow(QUERIES.site_revision, site_id, revision)
        return rows.site_record(row) if row else None

    async def server_set(self, site_id: str, revision: int) -> ServerSetRecord | None:
        row = await self._uow.connection.fetchrow(QUERIES.server_set, site_id, revision)
        return rows.server_set_record(row) if row else None

    async def admission(self, site_id: str, step: int) -> Admission | None:
        row = await self._uow.connection.fetchrow(QUERIES.admission, site_id, step)
        return rows.admission_step(row) if row else None

    async def measured_pue_milli(self, site_id: str) -> int | None:
        found: int | None = await self._uow.connection.fetchval(QUERIES.measured_pue, site_id)
        return found

    async def add_site(self, record: SiteRecord) -> None:
        connection, site_id = self._uow.connection, record.site.site_id
        await self._put_site(record, record.recorded_at_ms)
        await connection.execute(
            QUERIES.add_site_revision,
            site_id,
            record.revision,
            record.state,
            record.valid_from_ms,
            record.recorded_at_ms,
            record.recorded_by,
            site_message(record.site).SerializeToString(deterministic=True),
        )
        counter("inventory.revisions").add(1, {"kind": "site"})

    async def add_server_set(self, record: ServerSetRecord) -> None:
        event = rows.server_set_event(record)
        change = record.difference
        await self._uow.connection.execute(
            QUERIES.add_server_set,
            record.servers.site_id,
            record.revision,
            len(record.servers),
            change.added,
            change.removed,
            change.changed,
            record.recorded_at_ms,
            record.recorded_by,
            server_set_message(record).SerializeToString(deterministic=True),
        )
        self._uow.publish(event)
        counter("inventory.revisions").add(1, {"kind": "server-set"})

    async def add_admission(self, admission: Admission) -> None:
        event = rows.admission_event(admission)
        await self._uow.connection.execute(
            QUERIES.add_admission,
            admission.site_id,
            admission.step,
            admission.state,
            admission.decided_by,
            admission.decided_at_ms,
            admission_message(admission).SerializeToString(deterministic=True),
        )
        self._uow.publish(event)

    async def stand(self, record: SiteRecord, state: State) -> None:
        if state is not record.state:
            await self._put_site(replace(record, state=state), self._clock.now_ms())

    async def _put_site(self, record: SiteRecord, changed_at_ms: int) -> None:
        await self._uow.connection.execute(
            QUERIES.put_site, record.site.site_id, record.revision, record.state, changed_at_ms
        )
        self._uow.publish(rows.site_event(record, changed_at_ms))
