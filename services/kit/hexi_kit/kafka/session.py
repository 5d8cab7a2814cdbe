"""What one broker remembers of a reader: a request names what changed, an answer what came.

A fetch of every partition costs the reader and the broker more than the records it brings. A
session (KIP-227) keeps the partitions and their offsets at the broker.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiokafka.errors import NoError, for_code
from aiokafka.protocol.api import Request
from aiokafka.protocol.fetch import FetchRequest_v11

from hexi_kit.kafka.ports import Partition, by_topic

API_FETCH = 1
CONSUMER, UNKNOWN, NO_RACK = -1, -1, ""
READ_UNCOMMITTED = 0
# The epoch that opens a session anew, and closes the one before.
FIRST_EPOCH = 0
EPOCHS = 2**31


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """How long an answer may wait for a first byte, and how much it may bring."""

    wait_max_ms: int = 500
    partition_bytes: int = 8 * 1024 * 1024
    bytes: int = 32 * 1024 * 1024


class SessionFetch(Request[FetchRequest_v11]):  # type: ignore[misc]  # aiokafka has no types
    """The library's own request can name no session."""

    API_KEY = API_FETCH

    def __init__(self, *fields: Any) -> None:
        self._fields = fields

    def build(self, request_struct_class: type[FetchRequest_v11]) -> FetchRequest_v11:
        return request_struct_class(*self._fields)


class FetchSession:
    """One reader at one broker; one request at a time."""

    def __init__(self, limits: FetchLimits) -> None:
        self._limits = limits
        self._id, self._epoch = 0, FIRST_EPOCH
        self._known: dict[Partition, int] = {}

    def request(self, positions: Mapping[Partition, int]) -> SessionFetch:
        """Ask for these partitions from these offsets on."""
        if self._epoch == FIRST_EPOCH:
            self._known = {}
        changed = [(p, at) for p, at in positions.items() if self._known.get(p) != at]
        gone = [(p, p.number) for p in self._known if p not in positions]
        self._known = dict(positions)
        limits = self._limits
        asked = [(p, (p.number, UNKNOWN, at, UNKNOWN, limits.partition_bytes)) for p, at in changed]
        return SessionFetch(
            CONSUMER,
            limits.wait_max_ms,
            1,
            limits.bytes,
            READ_UNCOMMITTED,
            self._id,
            self._epoch,
            by_topic(asked),
            by_topic(gone),
            NO_RACK,
        )

    def answered(self, answer: Any) -> bool:
        """Learn from an answer; False: the broker has forgotten, and is to be asked for all."""
        if for_code(answer.error_code) is not NoError:
            self.lost()
            return False
        if self._epoch == FIRST_EPOCH:
            # A broker that has no room for one more session gives none.
            self._id, self._epoch = answer.session_id, 1 if answer.session_id else FIRST_EPOCH
        else:
            self._epoch = self._epoch % (EPOCHS - 1) + 1
        return True

    def lost(self) -> None:
        """Nobody knows what the broker remembers."""
        self._epoch = FIRST_EPOCH
