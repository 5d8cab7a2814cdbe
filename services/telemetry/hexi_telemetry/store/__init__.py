"""The Postgres schema `telemetry`."""

from hexi_telemetry.store.reads import PostgresReads
from hexi_telemetry.store.sites import PostgresSites
from hexi_telemetry.store.streams import PostgresStreams
from hexi_telemetry.store.windows import PostgresWindows

__all__ = ["PostgresReads", "PostgresSites", "PostgresStreams", "PostgresWindows"]
