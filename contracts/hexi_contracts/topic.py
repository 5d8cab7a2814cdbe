"""A topic as code sees it: a name, its message, and what the broker must keep."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from google.protobuf.message import Message


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic of `contracts/topics`.

    `message` is None for OCSF JSON; `retention_ms` -1 keeps for ever; `compaction_lag_ms` 0: unset.
    `readers` may look and leave no trace: no group, no dead letter.
    """

    name: str
    message: type[Message] | None
    partitions: int
    cleanup: str
    retention_ms: int
    compaction_lag_ms: int
    message_bytes_max: int
    dead_letter: str
    owner: str
    producers: tuple[str, ...]
    consumers: tuple[str, ...]
    readers: tuple[str, ...] = ()

    @property
    def ce_type(self) -> str:
        """CloudEvents type: the full name of the message, or `ocsf`."""
        return self.message.DESCRIPTOR.full_name if self.message else "ocsf"

    def partition_of(self, key: str) -> int:
        """Partition of `key`: crc32 modulo the count, the same in every language and service.

        What follows the first `:` does not count: `batch:1` and `batch:2` stay together.
        """
        return zlib.crc32(key.partition(":")[0].encode()) % self.partitions
