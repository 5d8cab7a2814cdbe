"""What came over a connection and what is decided about it, before anybody writes it down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from hexi_telemetry.domain.frame import Frame, Reason, Refusal
from hexi_telemetry.domain.keys import Statement
from hexi_telemetry.domain.stream import Gap, Stream, StreamKey

# Honest agents meet the other two: an old revision or a site not admitted yet is no attack.
SMELLS = frozenset(
    {
        Reason.MALFORMED,
        Reason.SIGNATURE,
        Reason.REPLAYED,
        Reason.WRONG_SITE,
        Reason.CHAIN,
        Reason.IMPLAUSIBLE,
        Reason.TOO_LARGE,
        Reason.CLOCK,
        Reason.OUT_OF_ORDER,
    }
)


@dataclass(frozen=True, slots=True)
class Arrival:
    """One pushed message. With `unproven` nothing in it may be believed, not even its number.

    `payload` is what goes on the log: the signed frame as it came. `key_id` names the key whose
    signature fits; whether it is the key of this number is decided with the stream.
    """

    payload: bytes
    digest: bytes
    frame: Frame | None
    unproven: Refusal | None = None
    claimed_sequence: int = 0
    key_id: str = ""


@dataclass(frozen=True, slots=True)
class Peer:
    """Who pushes, and with which number this connection was told to begin."""

    stream: StreamKey
    principal: str
    source: str
    resumed_at: int


@dataclass(frozen=True, slots=True)
class Suspicion:
    """A refusal the security monitor must hear of."""

    peer: Peer
    refusal: Refusal
    sequence: int
    digest: bytes
    first_server: int
    count: int
    revision: int
    racks: Sequence[str]


@dataclass(frozen=True, slots=True)
class Refused:
    """What the agent is told."""

    sequence: int
    refusal: Refusal


@dataclass(slots=True)
class Decided:
    """All decisions of one batch of one stream; committed whole or not at all."""

    stream: Stream
    was_decided_through: int
    accepted: list[Arrival] = field(default_factory=list)
    gaps: list[tuple[StreamKey, Gap]] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    suspicions: list[Suspicion] = field(default_factory=list)
    stated: Statement | None = None
