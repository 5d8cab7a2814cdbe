"""Hexi on one machine: an embedded broker and database, and the supervisor of its processes."""

from hexi_local import forks
from hexi_local.kafka import EmbeddedKafka
from hexi_local.options import LocalOptions
from hexi_local.postgres import EmbeddedPostgres
from hexi_local.supervisor import LocalHexi

__all__ = ["EmbeddedKafka", "EmbeddedPostgres", "LocalHexi", "LocalOptions", "forks"]
