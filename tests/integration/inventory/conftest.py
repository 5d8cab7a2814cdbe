"""The inventory's service over real mutual TLS on a real database, without a broker."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from hexi.inventory.v1 import inventory_service_pb2_grpc as pb_grpc
from hexi_inventory.api.servicer import InventoryServicer
from hexi_inventory.handlers import Desk
from hexi_inventory.store.inventory import PostgresInventory
from hexi_inventory.store.rule_files import load_rule_set
from hexi_kit.db.migrate import migrate
from hexi_kit.db.pool import open_pool
from hexi_kit.identity import Principal
from hexi_kit.testing.clock import ManualClock
from hexi_kit.testing.pki import Pki
from hexi_kit.testing.rpc import Harness, serve

OPERATOR = Principal("operator", "duty")
SUPERVISOR = Principal("supervisor", "desk")
AGENT = Principal("agent", "1", "lanzhou")


@dataclass
class Served:
    """A running inventory and what stands behind it."""

    harness: Harness
    pool: asyncpg.Pool[Any]
    clock: ManualClock
    store: PostgresInventory

    async def stub(self, caller: Principal) -> pb_grpc.InventoryServiceStub:
        return pb_grpc.InventoryServiceStub(await self.harness.channel(caller))

    async def outbox(self) -> list[tuple[str, str]]:
        rows = await self.pool.fetch("SELECT topic, key FROM outbox ORDER BY id")
        return [(row["topic"], row["key"]) for row in rows]


@pytest.fixture
async def served(postgres, database: str, tmp_path: Path) -> AsyncIterator[Served]:
    # 2026-11-21 in Gansu
    clock = ManualClock(1_795_200_000_000)
    pool = await open_pool(postgres.dsn("inventory", database), "inventory")
    await migrate(pool, "hexi_inventory.store.migrations", "inventory")
    store = PostgresInventory(pool, clock)
    servicer = InventoryServicer(Desk(store, load_rule_set("gansu-2022"), clock))
    add = pb_grpc.add_InventoryServiceServicer_to_server
    async with serve([(add, servicer)], Pki(tmp_path / "pki"), service_name="inventory") as harness:
        yield Served(harness, pool, clock, store)
    await pool.close()
