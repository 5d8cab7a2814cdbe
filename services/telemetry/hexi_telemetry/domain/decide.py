"""Decides a batch of arrivals of one stream, in the order they came."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from hexi_telemetry.domain.arrival import (
    SMELLS,
    Arrival,
    Decided,
    Peer,
    Refused,
    Suspicion,
)
from hexi_telemetry.domain.check import Bounds, Site, check_content
from hexi_telemetry.domain.frame import Frame, Reason, Refusal
from hexi_telemetry.domain.keys import KeyRing, StatedKey, Statement
from hexi_telemetry.domain.stream import NUMBER_MAX, RECENT_MAX, Place, Stream

RacksOf = Callable[[int, int, int], list[str]]


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a decision depends on besides the frame and its stream.

    `racks_of` names the racks of (revision, first server, count).
    """

    peer: Peer
    site: Site
    bounds: Bounds
    now_ms: int
    racks_of: RacksOf


def decide(stream: Stream, arrivals: Iterable[Arrival], around: Circumstances) -> Decided:
    """`stream` is left as it was; the answer carries its successor."""
    decided = Decided(stream.copy(), stream.decided_through)
    for arrival in arrivals:
        _decide_one(decided, arrival, around)
    return decided


def _decide_one(decided: Decided, arrival: Arrival, around: Circumstances) -> None:
    frame = arrival.frame
    refusal = arrival.unproven or _not_its_key(decided, arrival, around)
    if frame is None or refusal is not None:
        # The number of a frame nobody signed is a claim: deciding it would let a forger
        # take the number away from the honest frame.
        refusal = refusal or Refusal(Reason.MALFORMED, "expected a frame")
        if frame is not None and decided.stream.recent.get(frame.sequence) == arrival.digest:
            # Whoever signed it: the very bytes have been here before.
            detail = f"sequence {frame.sequence} is decided already"
            refusal = Refusal(Reason.REPLAYED, detail)
        claimed = arrival.claimed_sequence if frame is None else frame.sequence
        decided.stream.dispute(claimed)
        _refuse(decided, arrival, refusal, around)
        return
    stream = decided.stream
    if not 1 <= frame.sequence <= NUMBER_MAX:
        _refuse(decided, arrival, _out_of_order(frame, "expected 1 or more"), around)
        return
    match stream.locate(frame.sequence, arrival.digest, around.peer.resumed_at):
        case Place.RESENT:
            return
        case Place.REPLAYED:
            detail = f"sequence {frame.sequence} is decided already"
            _refuse(decided, arrival, Refusal(Reason.REPLAYED, detail), around)
        case Place.LATE:
            detail = "its number is recorded as a gap"
            _refuse(decided, arrival, _out_of_order(frame, detail), around)
        case Place.ON_LOG:
            _settle(decided, frame, None)
        case Place.FRESH:
            refusal = stream.breaks_chain(frame) or check_content(
                frame, around.site, around.bounds, around.now_ms
            )
            _settle(decided, frame, refusal)
            if refusal is None:
                decided.accepted.append(arrival)
            else:
                _refuse(decided, arrival, refusal, around)


def decide_key(
    stream: Stream, stated: Statement | Refusal, digest: bytes, around: Circumstances
) -> Decided:
    """A key that joins the stream's, or a refusal the security monitor may hear of."""
    decided = Decided(stream.copy(), stream.decided_through)
    ring = stated if isinstance(stated, Refusal) else _joined(stream, stated.key, around)
    if isinstance(ring, Refusal):
        _refuse(decided, Arrival(b"", digest, None), ring, around)
    elif ring != stream.keys:
        assert isinstance(stated, Statement)
        decided.stream.keys, decided.stated = ring, stated
    return decided


def _joined(stream: Stream, key: StatedKey, around: Circumstances) -> KeyRing | Refusal:
    bound = around.site.fingerprints
    if bound and key.certificate_id not in bound:
        detail = f"certificate {key.certificate_id} is not bound to the site"
        return Refusal(Reason.SIGNATURE, f"stated key: {detail}")
    ring = stream.keys.add(key, stream.decided_through)
    return ring.since(stream.decided_through - RECENT_MAX) if isinstance(ring, KeyRing) else ring


def _not_its_key(decided: Decided, arrival: Arrival, around: Circumstances) -> Refusal | None:
    frame = arrival.frame
    if frame is None:
        return None
    keys, bound = decided.stream.keys, around.site.fingerprints
    return keys.refuses(frame.sequence, arrival.key_id, bound)


def _settle(decided: Decided, frame: Frame, refusal: Refusal | None) -> None:
    key = decided.stream.key
    decided.gaps.extend((key, gap) for gap in decided.stream.settle(frame, refusal))


def _refuse(decided: Decided, arrival: Arrival, refusal: Refusal, around: Circumstances) -> None:
    frame = arrival.frame
    sequence = frame.sequence if frame is not None else arrival.claimed_sequence
    decided.refused.append(Refused(sequence, refusal))
    if refusal.reason not in SMELLS:
        return
    first, count, revision = (
        (frame.first_server, frame.count, frame.revision) if frame is not None else (0, 0, 0)
    )
    racks = around.racks_of(revision, first, count)
    decided.suspicions.append(
        Suspicion(around.peer, refusal, sequence, arrival.digest, first, count, revision, racks)
    )


def _out_of_order(frame: Frame, detail: str) -> Refusal:
    return Refusal(Reason.OUT_OF_ORDER, f"sequence {frame.sequence}: {detail}")
