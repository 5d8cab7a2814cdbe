"""The ledger of one stream of sequence numbers: each number is decided once, none is forgotten.

sent = accepted + refused + missing, for every number up to `decided_through`.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import NamedTuple

from hexi_telemetry.domain.frame import Frame, Reason, Refusal
from hexi_telemetry.domain.keys import KeyRing
from hexi_telemetry.domain.silence import Beat, Heard, Silence

RECENT_MAX = 1_024
NUMBER_MAX = 2**63 - 1


class Cause(Enum):
    """Numbers are those of the wire."""

    AGENT_LOST = 1
    EPOCH_CHANGED = 2
    REFUSED = 3
    SILENT = 4


class Gap(NamedTuple):
    """`first`..`last` never were accepted; `last` 0 means nobody knows how many.

    Where only time is missing, `first` is the number that came after it, and `last` one less.
    """

    first: int
    last: int
    cause: Cause
    from_ms: int = 0
    to_ms: int = 0


class Place(Enum):
    """Where an authentic frame stands in its stream."""

    FRESH = "fresh"
    # The log has it from before a crash; only the ledger does not know yet.
    ON_LOG = "on log"
    RESENT = "resent"
    REPLAYED = "replayed"
    LATE = "late"


class Ahead(NamedTuple):
    """A frame the log has and the ledger has not."""

    digest: bytes
    beat: Beat


class StreamKey(NamedTuple):
    """One agent's numbers since it last lost its spool."""

    site_id: str
    agent_id: str
    epoch: int


@dataclass(slots=True)
class Stream:
    """Mutable, owned by one decider; `copy` before a batch whose commit may fail.

    `recent` holds digests of decided numbers, empty for a gap. `ahead` holds what the log has
    beyond `decided_through`. `disputed` are numbers somebody sent without a good signature.
    """

    key: StreamKey
    decided_through: int = 0
    head: bytes = b""
    accepted: int = 0
    refused: int = 0
    missing: int = 0
    last_observed_at_ms: int = 0
    ahead: dict[int, Ahead] = field(default_factory=dict)
    recent: OrderedDict[int, bytes] = field(default_factory=OrderedDict)
    disputed: set[int] = field(default_factory=set)
    keys: KeyRing = field(default_factory=KeyRing)
    silence: Silence = field(default_factory=Silence)

    def copy(self) -> Stream:
        return replace(
            self,
            ahead=dict(self.ahead),
            recent=OrderedDict(self.recent),
            disputed=set(self.disputed),
            silence=self.silence.copy(),
        )

    def locate(self, sequence: int, digest: bytes, resumed_at: int) -> Place:
        """`resumed_at` is the number this connection was told to go on with."""
        if sequence > self.decided_through:
            logged = self.ahead.get(sequence)
            if logged is None:
                return Place.FRESH
            return Place.ON_LOG if logged.digest == digest else Place.REPLAYED
        known = self.recent.get(sequence)
        if known == b"":
            return Place.LATE
        # An honest agent never sends below what it was told, not even the same bytes.
        if known == digest and sequence >= resumed_at:
            return Place.RESENT
        return Place.REPLAYED

    def breaks_chain(self, frame: Frame) -> Refusal | None:
        """After a gap nobody knows the previous digest; the signature alone must do."""
        if frame.sequence == 1:
            expected = b""
        elif frame.sequence == self.decided_through + 1 and self.head:
            expected = self.head
        else:
            return None
        if frame.previous_digest == expected:
            return None
        was = frame.previous_digest.hex() or "nothing"
        detail = f"expected previous digest {expected.hex() or 'nothing'}, was {was}"
        return Refusal(Reason.CHAIN, detail)

    def settle(self, frame: Frame, refusal: Refusal | None) -> list[Gap]:
        """Decide this frame's number and every number before it; the gaps this makes."""
        before = Heard(self.last_observed_at_ms, self.decided_through)
        gaps = self._skip_to(frame.sequence)
        if refusal is None:
            beat = Beat(frame.first_server, frame.observed_at_ms, frame.period_ms)
            gaps += self._accept(frame.sequence, beat, before)
        else:
            self.refused += 1
            self.silence.hole = frame.sequence
            gaps.append(Gap(frame.sequence, frame.sequence, Cause.REFUSED))
        self.ahead.pop(frame.sequence, None)
        self.disputed.discard(frame.sequence)
        self._advance(frame.sequence, frame.digest)
        return gaps

    def fold_ahead(self) -> list[Gap]:
        """Take over what the log has right behind the ledger; the silences before it."""
        gaps: list[Gap] = []
        while (known := self.ahead.pop(self.decided_through + 1, None)) is not None:
            before = Heard(self.last_observed_at_ms, self.decided_through)
            gaps += self._accept(self.decided_through + 1, known.beat, before)
            self._advance(self.decided_through + 1, known.digest)
        return gaps

    def dispute(self, sequence: int) -> None:
        """Remember a number whose sender proved nothing: if it stays away, it was refused."""
        if sequence > self.decided_through and len(self.disputed) < RECENT_MAX:
            self.disputed.add(sequence)

    def _accept(self, sequence: int, beat: Beat, before: Heard) -> list[Gap]:
        self.accepted += 1
        self.last_observed_at_ms = max(self.last_observed_at_ms, beat.at_ms)
        span = self.silence.hear(beat, sequence, before)
        return [] if span is None else [Gap(sequence, sequence - 1, Cause.SILENT, *span)]

    def _skip_to(self, sequence: int) -> list[Gap]:
        first, end = self.decided_through + 1, sequence
        if first < end:
            self.silence.hole = end - 1
        gaps: list[Gap] = []
        inside = {n for n in (*self.ahead, *self.disputed) if first <= n < end}
        for number in sorted(inside):
            if first < number:
                gaps.append(Gap(first, number - 1, Cause.AGENT_LOST))
            known = self.ahead.pop(number, None)
            if known is not None:
                self.accepted += 1
            else:
                gaps.append(Gap(number, number, Cause.REFUSED))
            self._remember(number, known.digest if known is not None else b"")
            first = number + 1
        if first < end:
            gaps.append(Gap(first, end - 1, Cause.AGENT_LOST))
        self.disputed -= inside
        for gap in gaps:
            count = gap.last - gap.first + 1
            if gap.cause is Cause.REFUSED:
                self.refused += count
            else:
                self.missing += count
            for number in range(max(gap.first, gap.last - RECENT_MAX), gap.last + 1):
                self._remember(number, b"")
        return gaps

    def _advance(self, sequence: int, digest: bytes) -> None:
        self.decided_through = sequence
        self.head = digest
        self._remember(sequence, digest)

    def _remember(self, sequence: int, digest: bytes) -> None:
        self.recent[sequence] = digest
        while len(self.recent) > RECENT_MAX:
            self.recent.popitem(last=False)
