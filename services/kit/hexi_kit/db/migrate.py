"""Schema changes in order, each file once.

`NNNN_pre_name.sql` runs before the new code does, `NNNN_post_name.sql` after it.
A file once applied is never edited: its checksum is kept and compared.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal

import asyncpg

from hexi_kit.errors import HexiError

FILE = re.compile(r"^(\d{4})_(pre|post)_([a-z0-9_]+)\.sql$")
# One lock for all schemas: migrations are rare, and waiting for each other does no harm.
LOCK_KEY = 0x48455849
OURS = "hexi_kit.db.migrations"

Phase = Literal["pre", "post"]

JOURNAL = """
CREATE TABLE IF NOT EXISTS schema_migration (
    name text PRIMARY KEY,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""


class MigrationError(HexiError):
    """The files and the database tell different histories."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file."""

    name: str
    phase: Phase
    sql: str

    @property
    def checksum(self) -> str:
        return hashlib.blake2b(self.sql.encode(), digest_size=16).hexdigest()


def migrations(package: str) -> list[Migration]:
    """The files of a package by number; a number is used once per phase."""
    found = []
    for entry in files(package).iterdir():
        if not entry.name.endswith(".sql"):
            continue
        match = FILE.match(entry.name)
        if match is None:
            raise MigrationError(f"expected NNNN_pre_name.sql or NNNN_post_…, was {entry.name}")
        phase: Phase = "pre" if match[2] == "pre" else "post"
        found.append(Migration(entry.name.removesuffix(".sql"), phase, entry.read_text("utf-8")))
    # "pre" of a number comes before its "post".
    return sorted(found, key=lambda m: (m.name[:4], m.phase == "post", m.name))


async def migrate(
    pool: asyncpg.Pool[Any], package: str, schema: str, phases: tuple[Phase, ...] = ("pre", "post")
) -> list[str]:
    """Apply what is missing, each file in a transaction; the names of what was applied."""
    packages = dict.fromkeys((OURS, package))  # inbox and outbox come before anything else
    wanted = [migration for each in packages for migration in migrations(each)]
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK_KEY)
        if not await connection.fetchval("SELECT to_regnamespace($1)", schema):
            await connection.execute(f'CREATE SCHEMA "{schema}"')
        await connection.execute("SET LOCAL statement_timeout = 0")
        await connection.execute(JOURNAL)
        rows = await connection.fetch("SELECT name, checksum FROM schema_migration")
        return await _apply(connection, wanted, {r["name"]: r["checksum"] for r in rows}, phases)


async def _apply(
    connection: Any, wanted: list[Migration], applied: dict[str, str], phases: tuple[Phase, ...]
) -> list[str]:
    unknown = sorted(applied.keys() - {migration.name for migration in wanted})
    if unknown:
        raise MigrationError(f"expected no migration without its file, was {unknown[0]}")
    done = []
    for migration in wanted:
        kept = applied.get(migration.name)
        if kept is not None and kept != migration.checksum:
            raise MigrationError(f"{migration.name}: expected as it was applied, was edited")
        if kept is None and migration.phase in phases:
            await connection.execute(migration.sql)
            await connection.execute(
                "INSERT INTO schema_migration (name, checksum) VALUES ($1, $2)",
                migration.name,
                migration.checksum,
            )
            done.append(migration.name)
    return done
