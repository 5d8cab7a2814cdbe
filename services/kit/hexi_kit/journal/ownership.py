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
    """A newer owner has claimed the partition; nothing of ours stands above its fence.

    When an answer was lost and the append tried again, it may stand below, where it is recovered.
    """

    def __init__(self, journal: str, partition: int, epoch: int) -> None:
        self.partition = partition
        super().__init__(f"{journal}[{partition}]: epoch {epoch} is no longer the owner's")


class JournalBroken(HexiError):
    """Whether an append is in the log is unknown: the process must end and recover."""


def is_fence(key: bytes | None) -> bool:
    """Whether a record only marks the beginning of an ownership."""
    return key is not None and key.startswith(FENCE_PREFIX)
