"""Where probes come in: asks are answered at once, answers end a round trip."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, cast

from hexi_kit.clock import Clock
from hexi_kit.metrics import counter

from hexi_agent.domain.mesh_window import MeshWindow
from hexi_agent.mesh.probe import ANSWER, ASK, MeshKey, Probe, is_sealed, parse, seal, tag_of

LOST_AFTER_S = 2.0
ASKS_PER_S_MAX = 100
Address = tuple[Any, ...]


class Peer:
    """One other site's agent, under one key."""

    def __init__(self, site_id: str, public_key: bytes, own: MeshKey) -> None:
        """Raises ValueError when the key is none."""
        self.site_id, self.tag = site_id, tag_of(public_key)
        self.key = own.shared_with(public_key)
        self.named = ""  # as telemetry tells it
        self.address: Address | None = None
        self.window = MeshWindow(LOST_AFTER_S)
        self.asked = 0
        self.heard = 0  # highest number of its asks: a copy of an old one gets no answer
        self._second, self._answered = 0, 0

    def may_ask(self, number: int, now_s: float) -> bool:
        """Something new, and not more of it than measuring takes."""
        if number <= self.heard:
            return False
        if int(now_s) != self._second:
            self._second, self._answered = int(now_s), 0
        self._answered += 1
        return self._answered <= ASKS_PER_S_MAX


class Endpoint(asyncio.DatagramProtocol):
    """Answers only whom it can prove; everything else is counted and forgotten.

    An answer is as long as its ask, so that nobody can make it shout at a third.
    """

    def __init__(self, key: MeshKey, clock: Clock) -> None:
        self._key, self._clock = key, clock
        self._peers: dict[bytes, Peer] = {}
        self._transport: asyncio.DatagramTransport | None = None

    def know(self, peers: Mapping[bytes, Peer]) -> None:
        """Exactly these, by tag."""
        self._peers = dict(peers)

    @property
    def peers(self) -> Mapping[bytes, Peer]:
        return self._peers

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: Address) -> None:
        now_s = self._clock.real_monotonic_s()
        probe = parse(data)
        peer = self._peers.get(probe.tag) if probe is not None else None
        if probe is None or peer is None or not is_sealed(data, peer.key):
            counter("agent.datagrams_dropped").add(1)
        elif probe.kind == ASK and peer.may_ask(probe.number, now_s):
            peer.heard = probe.number
            self._send(probe._replace(kind=ANSWER, tag=self._key.tag), peer, addr)
            counter("agent.probes_answered").add(1)
        elif probe.kind != ANSWER or not self._take(probe, peer, now_s):
            counter("agent.datagrams_dropped").add(1)

    def error_received(self, exc: Exception) -> None:
        """Nobody listens there: the probe counts as lost, as any other that is not answered."""

    def ask(self, peer: Peer) -> None:
        if peer.address is None:
            return
        peer.asked += 1
        nonce = self._key.nonce(peer.tag, peer.asked)
        probe = Probe(ASK, self._key.tag, peer.asked, nonce)
        peer.window.ask(peer.asked, self._clock.real_monotonic_s())
        self._send(probe, peer, peer.address)

    def _take(self, probe: Probe, peer: Peer, now_s: float) -> bool:
        is_ours = probe.nonce == self._key.nonce(peer.tag, probe.number)
        return is_ours and peer.window.answer(probe.number, now_s)

    def _send(self, probe: Probe, peer: Peer, address: Address) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(seal(probe, peer.key), address)
