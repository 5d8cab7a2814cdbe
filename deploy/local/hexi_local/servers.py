"""Servers given from outside, in the place of the embedded ones."""

from __future__ import annotations

from urllib.parse import quote, urlsplit, urlunsplit

from hexi_local.roles import prepare_database, role_of
from hexi_local.state import StateDir


class ExternalPostgres:
    """Another database server. Its DSN must be allowed to make roles and schemas."""

    def __init__(self, dsn: str, state: StateDir, services: tuple[str, ...]) -> None:
        self._dsn = dsn
        self._state = state
        self._services = services

    def dsn(self, service: str = "") -> str:
        """How to reach it: as given, or as one service in its own schema."""
        if not service:
            return self._dsn
        role = role_of(service)
        parts = urlsplit(self._dsn)
        host = parts.netloc.rpartition("@")[2]
        secret = quote(self._state.password(role), safe="")
        return urlunsplit(parts._replace(netloc=f"{role}:{secret}@{host}"))

    async def prepare(self) -> None:
        passwords = {one: self._state.password(role_of(one)) for one in self._services}
        database = urlsplit(self._dsn).path.lstrip("/") or "postgres"
        await prepare_database(self._dsn, database, passwords)
