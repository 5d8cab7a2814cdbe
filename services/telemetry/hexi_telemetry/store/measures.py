"""Reports of agents in Postgres, and what is published of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg
from hexi.telemetry.v1 import measure_pb2, telemetry_pb2
from hexi_kit.db.queries import load
from hexi_kit.db.unit_of_work import UnitOfWork

from hexi_telemetry.domain.measures.compute import ComputeVector
from hexi_telemetry.domain.measures.hours import HourEnergy
from hexi_telemetry.domain.measures.links import Link
from hexi_telemetry.domain.measures.reports import Report, RoundTrips
from hexi_telemetry.domain.measures.site import Member, SiteMeasures
from hexi_telemetry.wire.measures import (
    disputed_event,
    measured_event,
    measured_message,
    vector_message,
    vector_of,
)

SQL = load("hexi_telemetry.store", "measures.sql")


class PostgresMeasures:
    """See MeasureStore."""

    def __init__(self, pool: asyncpg.Pool[Any]) -> None:
        self._pool = pool

    async def join(self, member: Member, now_ms: int, silent_since_ms: int) -> str:
        holder = await self._pool.fetchval(SQL.join_mesh, *member, now_ms, silent_since_ms)
        return str(holder or await self._pool.fetchval(SQL.member_of, member.site_id))

    async def members(self, seen_since_ms: int) -> list[Member]:
        rows = await self._pool.fetch(SQL.members_since, seen_since_ms)
        return [Member(*row.values()) for row in rows]

    async def save_reports(self, reports: Sequence[Report]) -> None:
        rows = [(r.site_id, r.peer_site_id, *r.trips, r.reported_at_ms) for r in reports]
        if rows:
            columns = [list(column) for column in zip(*rows, strict=True)]
            await self._pool.execute(SQL.save_reports, *columns)

    async def reports(self, since_ms: int) -> list[Report]:
        rows = await self._pool.fetch(SQL.reports_since, since_ms)
        return [
            Report(site_id, peer_site_id, RoundTrips(*trips), reported_at_ms)
            for site_id, peer_site_id, *trips, reported_at_ms in rows
        ]

    async def save_vector(self, site_id: str, vector: ComputeVector) -> None:
        message = vector_message(vector).SerializeToString(deterministic=True)
        which = (vector.subject, vector.server, vector.placement_id)
        await self._pool.execute(SQL.save_vector, site_id, *which, message)

    async def measured_sites(self) -> list[str]:
        return [row["site_id"] for row in await self._pool.fetch(SQL.measured_sites)]

    async def vectors(self, site_id: str) -> list[ComputeVector]:
        rows = await self._pool.fetch(SQL.vectors_of, site_id)
        read = measure_pb2.ComputeVector.FromString
        return [vector_of(read(row["message"])) for row in rows]

    async def hours(self, since_ms: int, site_id: str = "") -> Mapping[str, list[HourEnergy]]:
        found: dict[str, list[HourEnergy]] = {}
        for row in await self._pool.fetch(SQL.hours_since, since_ms, site_id):
            said = telemetry_pb2.RollupClosed.FromString(row["message"])
            hour = HourEnergy(
                said.start_ms, said.it_energy_ws, said.facility_energy_ws, said.revision
            )
            found.setdefault(row["site_id"], []).append(hour)
        return found

    async def decided_frames(self, site_id: str) -> tuple[int, int]:
        row = await self._pool.fetchrow(SQL.decided_frames, site_id)
        assert row is not None  # a sum has always one row
        return row["accepted"], row["refused"]

    async def publish(self, measures: SiteMeasures, disputed: Sequence[Link]) -> bool:
        site_id = measures.site_id
        async with UnitOfWork(self._pool) as uow:
            row = await uow.connection.fetchrow(SQL.published_measure, site_id)
            revision = row["revision"] if row is not None else 0
            told = row["message"] if row is not None else b""
            if _bytes(measures, revision) == told:
                return False
            revision += 1
            await uow.connection.execute(
                SQL.save_measure, site_id, revision, _bytes(measures, revision)
            )
            uow.publish(measured_event(measures, revision))
            uow.publish(*(disputed_event(site_id, link) for link in disputed))
        return True

    async def listed(self, site_id: str, after: str, size: int) -> list[measure_pb2.SiteMeasured]:
        """A page for the door: what was published last, by site."""
        rows = await self._pool.fetch(SQL.list_measures, site_id, after, size)
        return [measure_pb2.SiteMeasured.FromString(row["message"]) for row in rows]


def _bytes(measures: SiteMeasures, revision: int) -> bytes:
    return measured_message(measures, revision).SerializeToString(deterministic=True)
