"""Opens streams of frames and decides what they bring: log first, then ledger, then the ack."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from hexi_kit.clock import Clock
from hexi_kit.errors import FailedPrecondition, Unavailable
from hexi_kit.metrics import counter
from hexi_kit.testing import faults

from hexi_telemetry.domain.arrival import Arrival, Decided, Peer
from hexi_telemetry.domain.check import Bounds, Site
from hexi_telemetry.domain.decide import Circumstances, decide, decide_key
from hexi_telemetry.domain.frame import Refusal
from hexi_telemetry.domain.keys import KeyRing, Statement
from hexi_telemetry.domain.live import Live
from hexi_telemetry.domain.stream import Cause, Gap, Stream, StreamKey
from hexi_telemetry.ports.streams import FrameLog, Sites, StreamStore

Decision = Callable[[Stream, Circumstances], Decided]


@dataclass(slots=True)
class _Held:
    """The one place a stream is decided in; connections of the same agent take turns."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    stream: Stream | None = None


@dataclass(frozen=True, slots=True)
class Needs:
    """What stands behind the verb; `live` hears what is accepted, `on_lost` ends the process."""

    store: StreamStore
    log: FrameLog
    sites: Sites
    live: Live
    on_lost: Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class Opened:
    """Where a connection goes on."""

    next_sequence: int
    revision: int
    keys: KeyRing


class PushFrames:
    """Owns the streams in memory; what is acknowledged is on the log and in the store."""

    def __init__(self, needs: Needs, clock: Clock, bounds: Bounds) -> None:
        self._store, self._log, self._sites = needs.store, needs.log, needs.sites
        self._live, self._on_lost = needs.live, needs.on_lost
        self._clock, self._bounds = clock, bounds
        self._turns: set[asyncio.Task[Decided]] = set()
        self._held: dict[tuple[str, str], _Held] = {}

    async def open(self, key: StreamKey) -> Opened:
        """Greets an agent: its site is known and admitted, and no later epoch has begun."""
        site = self._require_site(key.site_id)
        if not site.is_admitted:
            raise FailedPrecondition(f"site {key.site_id} is not admitted", "site")
        held = self._held.setdefault((key.site_id, key.agent_id), _Held())
        async with held.lock:
            stream = held.stream or await self._store.newest(key.site_id, key.agent_id)
            if stream is not None and stream.key.epoch > key.epoch:
                expected = f"expected epoch {stream.key.epoch} or later, was {key.epoch}"
                raise FailedPrecondition(expected, "epoch")
            if stream is None or stream.key.epoch < key.epoch:
                stream = await self._begin(key, stream)
            # What the log has and the ledger has not: accepted just before a crash.
            taken_over = Decided(stream, stream.decided_through)
            taken_over.gaps += ((stream.key, gap) for gap in stream.fold_ahead())
            if _changed(taken_over):
                await self._store.commit(taken_over, self._clock.now_ms())
            held.stream = stream
            return Opened(stream.decided_through + 1, site.newest_revision, stream.keys)

    async def push(self, peer: Peer, arrivals: Sequence[Arrival]) -> Decided:
        """Decide a batch, to its end even when the connection breaks meanwhile."""
        await self._hear_of_revisions(peer.stream.site_id, arrivals)
        return await self._whole(peer, lambda stream, around: decide(stream, arrivals, around))

    async def state_key(self, peer: Peer, stated: Statement | Refusal, digest: bytes) -> Decided:
        """Take a key into the stream's, or tell of one that may not join."""
        return await self._whole(
            peer, lambda stream, around: decide_key(stream, stated, digest, around)
        )

    async def _whole(self, peer: Peer, decision: Decision) -> Decided:
        turn = asyncio.create_task(self._turn(peer, decision), name="push turn")
        self._turns.add(turn)
        turn.add_done_callback(self._turns.discard)
        return await asyncio.shield(turn)

    async def _turn(self, peer: Peer, decision: Decision) -> Decided:
        """The order below is the promise:

        1. log      a crash after it: the ledger finds the frames there and never doubles them
        2. ledger   a crash after it: the agent resends, and is told again
        3. memory   only now may the next batch build on this one
        """
        key = peer.stream
        held = self._held[key.site_id, key.agent_id]
        async with held.lock:
            stream = held.stream
            if stream is None or stream.key != key:
                raise FailedPrecondition("a later epoch of this agent has begun", "epoch")
            site = self._require_site(key.site_id)
            now_ms = self._clock.now_ms()
            racks = partial(self._sites.racks_of, key.site_id)
            around = Circumstances(peer, site, self._bounds, now_ms, racks)
            decided = decision(stream, around)
            try:
                faults.point("telemetry.before_log")
                if decided.accepted:
                    await self._log.append(key, decided.accepted)
                faults.point("telemetry.after_log")
                if _changed(decided):
                    await self._store.commit(decided, now_ms)
                faults.point("telemetry.after_ledger")
            except Exception as error:
                # Nobody knows how much of it is written: only a new start, which reads, can tell.
                self._on_lost("push", repr(error))
                raise Unavailable("the ledger is away") from error
            held.stream = decided.stream
        self._tell_live(decided)
        _count(decided)
        return decided

    def _tell_live(self, decided: Decided) -> None:
        for arrival in decided.accepted:
            frame = arrival.frame
            if frame is not None:
                self._live.hear(frame, self._sites.server_set(frame.site_id, frame.revision))

    async def _begin(self, key: StreamKey, before: Stream | None) -> Stream:
        """The first epoch of an agent, or the end of one it has lost."""
        begun = Decided(Stream(key), 0)
        if before is not None:
            gaps = before.fold_ahead()
            gaps.append(Gap(before.decided_through + 1, 0, Cause.EPOCH_CHANGED))
            begun.gaps += ((before.key, gap) for gap in gaps)
        await self._store.commit(begun, self._clock.now_ms())
        return begun.stream

    def _require_site(self, site_id: str) -> Site:
        site = self._sites.find(site_id)
        if site is None or not site.newest_revision:
            raise FailedPrecondition(f"site {site_id} has no server set yet", "site")
        return site

    async def _hear_of_revisions(self, site_id: str, arrivals: Sequence[Arrival]) -> None:
        proven = (a.frame for a in arrivals if a.frame is not None and a.unproven is None)
        for revision in sorted({frame.revision for frame in proven}):
            await self._sites.heard_of(site_id, revision)


def _changed(decided: Decided) -> bool:
    has_moved = decided.stream.decided_through != decided.was_decided_through
    return has_moved or bool(decided.suspicions) or decided.stated is not None


def _count(decided: Decided) -> None:
    if decided.accepted:
        counter("telemetry.frames_accepted").add(len(decided.accepted))
    for refused in decided.refused:
        counter("telemetry.frames_refused").add(1, {"reason": refused.refusal.reason.name})
    if decided.gaps:
        counter("telemetry.gaps_recorded").add(len(decided.gaps))
