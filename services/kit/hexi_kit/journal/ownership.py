"""What can go wrong with owning a journal partition, and what a claim is."""

from __future__ import annotations

from typing import NamedTuple

from hexi_kit.errors import HexiError

FENCE_PREFIX = b"fence/"


class Claim(NamedTuple):
    """One ownership of one partition: everything below `offset` was written before it began."""

    producer_id: int
    epoch: int
    offset: int


class Fenced(HexiError):
    """A newer owner has claimed the partition; nothing of this append is in the log."""

    def __init__(self, journal: str, partition: int, epoch: int) -> None:
        self.partition = partition
        super().__init__(f"{journal}[{partition}]: epoch {epoch} is no longer the owner's")


class JournalBroken(HexiError):
    """Whether an append is in the log is unknown: the process must end and recover."""


def is_fence(key: bytes | None) -> bool:
    """Whether a record only marks the beginning of an ownership."""
    return key is not None and key.startswith(FENCE_PREFIX)
