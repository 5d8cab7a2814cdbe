"""One transaction of the monitor in Postgres: what it knows of sites, racks and requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from hexi_kit.db.inbox import NEXT_OFFSET
from hexi_kit.errors import AlreadyExists

from hexi_security_monitor.domain.clocks import SiteStanding
from hexi_security_monitor.domain.event import Verdict
from hexi_security_monitor.domain.watch import RackMap, Watch
from hexi_security_monitor.domain.window import Window
from hexi_security_monitor.ports import Batch, RequestKey
from hexi_security_monitor.store import rows
from hexi_security_monitor.store.cases import QUERIES, PostgresCases

Item = TypeVar("Item")
DAY_MS = 86_400_000
REVISIONS_KEPT = 10


class PostgresWork(PostgresCases):
    """Adds to the cases what detection remembers between batches."""

    async def fresh(self, batch: Batch[Item]) -> list[Item]:
        mark = await self._uow.connection.fetchval(NEXT_OFFSET, batch.topic, batch.partition)
        self._uow.mark(batch.topic, batch.partition, batch.items[-1][0] + 1)
        return [item for offset, item in batch.items if mark is None or offset >= mark]

    async def count(self, topic: str, verdicts: Mapping[Verdict, int]) -> None:
        if any(verdicts.values()):
            numbers = [verdicts.get(verdict, 0) for verdict in Verdict]
            await self._uow.connection.execute(QUERIES.count, topic, *numbers)

    async def standing(self, site_id: str) -> SiteStanding:
        row = await self._uow.connection.fetchrow(QUERIES.site, site_id)
        return SiteStanding(site_id, *row) if row else SiteStanding(site_id)

    async def put_standing(self, standing: SiteStanding) -> None:
        await self._uow.connection.execute(
            QUERIES.put_site,
            standing.site_id,
            standing.security_grade,
            standing.state_owned_cloud,
            standing.admitted,
        )

    async def window(self, rule_id: str, group: str) -> Window:
        row = await self._uow.connection.fetchrow(QUERIES.rule_window, rule_id, group)
        return Window(tuple(zip(row["times_ms"], row["uids"], strict=True))) if row else Window()

    async def put_window(self, rule_id: str, group: str, window: Window) -> None:
        connection = self._uow.connection
        if not window.entries:
            await connection.execute(QUERIES.drop_rule_window, rule_id, group)
            return
        times_ms = [time_ms for time_ms, _ in window.entries]
        uids = [uid for _, uid in window.entries]
        await connection.execute(
            QUERIES.put_rule_window, rule_id, group, times_ms, uids, times_ms[-1]
        )
        await connection.execute(QUERIES.drop_old_windows, times_ms[-1] - DAY_MS)

    async def racks(self, site_id: str, revision: int) -> RackMap | None:
        row = await self._uow.connection.fetchrow(QUERIES.rack_map, site_id, revision)
        return rows.rack_map(row) if row else None

    async def put_racks(self, racks: RackMap) -> None:
        await self._uow.connection.execute(
            QUERIES.put_rack_map,
            racks.site_id,
            racks.revision,
            list(racks.racks),
            racks.rack_of.astype("<i4").tobytes(),
        )
        oldest = racks.revision - REVISIONS_KEPT
        await self._uow.connection.execute(QUERIES.drop_old_rack_maps, racks.site_id, oldest)

    async def watch(self, site_id: str) -> Watch | None:
        row = await self._uow.connection.fetchrow(QUERIES.watch, site_id)
        return rows.watch(row) if row else None

    async def put_watch(self, watch: Watch) -> None:
        await self._uow.connection.execute(
            QUERIES.put_watch,
            watch.racks.site_id,
            watch.racks.revision,
            watch.last_good_ms.astype("<i8").tobytes(),
            watch.silent.astype("u1").tobytes(),
            watch.newest_ms,
        )

    async def answered(self, request: RequestKey) -> str | None:
        row = await self._uow.connection.fetchrow(
            QUERIES.answered, request.verb, request.principal, request.key
        )
        if row is None:
            return None
        if row["digest"] != request.digest:
            raise AlreadyExists("idempotency key", request.key)
        answer_id: str = row["answer_id"]
        return answer_id

    async def remember(self, request: RequestKey, answer_id: str) -> None:
        kept = await self._uow.connection.fetchval(
            QUERIES.remember,
            request.verb,
            request.principal,
            request.key,
            request.digest,
            answer_id,
        )
        if kept is None:
            raise AlreadyExists("idempotency key", request.key)
