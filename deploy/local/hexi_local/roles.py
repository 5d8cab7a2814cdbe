"""Roles and schemas: each service owns one, and sees nothing of the others."""

from __future__ import annotations

from collections.abc import Mapping

import asyncpg

DATABASE = "hexi"
OWNER = "hexi_owner"


def schema_of(service: str) -> str:
    return service.replace("-", "_")


def role_of(service: str) -> str:
    return f"hexi_{schema_of(service)}"


async def prepare_database(admin_dsn: str, database: str, passwords: Mapping[str, str]) -> None:
    """Make what is missing; passwords are set anew, so they always match the files."""
    admin = await asyncpg.connect(admin_dsn)
    try:
        for service, password in passwords.items():
            await _ensure_role(admin, role_of(service), password)
        known = await admin.fetchval("select 1 from pg_database where datname = $1", database)
        if not known:
            await admin.execute(f'create database "{database}"')
        await admin.execute(f'revoke all on database "{database}" from public')
        for service in passwords:
            await admin.execute(f'grant connect on database "{database}" to {role_of(service)}')
    finally:
        await admin.close()
    await _ensure_schemas(_same_server(admin_dsn, database), tuple(passwords))


async def _ensure_role(admin: asyncpg.Connection, role: str, password: str) -> None:
    known = await admin.fetchval("select 1 from pg_roles where rolname = $1", role)
    # Passwords are made of URL-safe letters (see StateDir.password): no quote can be inside.
    verb = "alter" if known else "create"
    await admin.execute(f"{verb} role {role} login password '{password}'")


async def _ensure_schemas(dsn: str, services: tuple[str, ...]) -> None:
    owner = await asyncpg.connect(dsn)
    try:
        await owner.execute("revoke all on schema public from public")
        for service in services:
            schema, role = schema_of(service), role_of(service)
            await owner.execute(f"create schema if not exists {schema} authorization {role}")
            await owner.execute(f"alter role {role} set search_path = {schema}")
    finally:
        await owner.close()


def _same_server(dsn: str, database: str) -> str:
    base, _, query = dsn.partition("?")
    return f"{base.rpartition('/')[0]}/{database}" + (f"?{query}" if query else "")
