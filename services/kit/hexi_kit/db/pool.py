"""A bounded pool of one role, in one schema, whose statements end in time."""

from __future__ import annotations

from typing import Any

import asyncpg

STATEMENT_TIMEOUT_MS = 15_000
IDLE_IN_TRANSACTION_TIMEOUT_MS = 30_000


async def open_pool(dsn: str, schema: str, connections_max: int = 6) -> asyncpg.Pool[Any]:
    """Open at least one connection, or fail now rather than at the first request."""
    return await asyncpg.create_pool(
        dsn,
        min_size=1,
        max_size=connections_max,
        # Idle connections cost memory in the server, not in us.
        max_inactive_connection_lifetime=300,
        server_settings={
            "application_name": schema,
            "search_path": schema,
            "statement_timeout": str(STATEMENT_TIMEOUT_MS),
            "idle_in_transaction_session_timeout": str(IDLE_IN_TRANSACTION_TIMEOUT_MS),
            "jit": "off",  # short statements only; compiling them costs more than running them
            "timezone": "UTC",
        },
    )
