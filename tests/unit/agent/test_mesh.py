"""Goal: what the mesh measures is never less than the truth, and only proved probes count.

Method: bytes and windows by themselves; then real datagrams on loopback, some through a relay.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest
from hexi.telemetry.v1 import measure_service_pb2 as pb
from hexi_agent.backoff import Backoff
from hexi_agent.config import read_config
from hexi_agent.domain.mesh_window import OUTSTANDING_MAX, MeshWindow, Trips
from hexi_agent.mesh.endpoint import ASKS_PER_S_MAX, Endpoint, Peer
from hexi_agent.mesh.mesh import Mesh, MeshNeeds
from hexi_agent.mesh.options import MeshConfig
from hexi_agent.mesh.probe import (
    ANSWER,
    ASK,
    PROBE_BYTES,
    MeshKey,
    Probe,
    is_sealed,
    parse,
    seal,
)
from hexi_kit.clock import ScaledClock, SystemClock
from hexi_kit.ids import seeded
from hexi_kit.testing.clock import ManualClock
from hypothesis import given
from hypothesis import strategies as st

HELD_S = 0.02
EXAMPLE = Path(__file__).resolve().parents[3] / "services/agent/examples/mesh.yaml"


def test_the_example_says_how_a_site_takes_part() -> None:
    config = read_config(EXAMPLE)

    assert config.mesh is not None
    assert config.measure.commands


def test_a_pair_shares_a_key_that_no_third_has() -> None:
    one, two, third = MeshKey(), MeshKey(), MeshKey()
    key = one.shared_with(two.public)

    assert key == two.shared_with(one.public)
    assert key not in (third.shared_with(one.public), third.shared_with(two.public))
    with pytest.raises(ValueError, match=r"."):
        one.shared_with(bytes(32))
    with pytest.raises(ValueError, match=r"."):
        one.shared_with(b"short")


def test_a_sealed_probe_reads_back() -> None:
    probe = Probe(ASK, b"12345678", 7, b"n" * 16)

    data = seal(probe, b"k" * 32)

    assert len(data) == PROBE_BYTES
    assert parse(data) == probe
    assert is_sealed(data, b"k" * 32)
    assert not is_sealed(data, b"x" * 32)


@given(st.integers(0, PROBE_BYTES - 1), st.integers(1, 255))
def test_no_byte_can_be_changed(place: int, change: int) -> None:
    data = bytearray(seal(Probe(ASK, b"12345678", 7, b"n" * 16), b"k" * 32))
    data[place] ^= change

    assert parse(bytes(data)) is None or not is_sealed(bytes(data), b"k" * 32)


class Wire:
    """Keeps what an endpoint sends."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def is_closing(self) -> bool:
        return False

    def sendto(self, data: bytes, address: object) -> None:
        self.sent.append(data)


def pair() -> tuple[Endpoint, Peer, Wire, MeshKey]:
    """An endpoint, the peer it knows, what it sends, and the peer's own key."""
    own, other = MeshKey(), MeshKey()
    endpoint, wire = Endpoint(own, ManualClock()), Wire()
    peer = Peer("qingyang", other.public, own)
    peer.address = ("127.0.0.1", 9)
    endpoint.know({peer.tag: peer})
    endpoint._transport = wire
    return endpoint, peer, wire, other


@given(
    st.binary(max_size=80) | st.binary(min_size=PROBE_BYTES, max_size=PROBE_BYTES), st.booleans()
)
def test_garbage_is_not_answered(data: bytes, looks_real: bool) -> None:
    endpoint, _, wire, other = pair()
    if looks_real:
        # As the peer's own ask begins, and then anything.
        head = seal(Probe(ASK, other.tag, 1, b"n" * 16), bytes(32))[: PROBE_BYTES // 2]
        data = head + data[len(head) :]

    endpoint.datagram_received(data, ("127.0.0.1", 1))

    assert not wire.sent


def test_an_ask_is_answered_once_in_its_own_length() -> None:
    endpoint, peer, wire, other = pair()
    ask = seal(Probe(ASK, other.tag, 1, b"n" * 16), peer.key)

    for _ in range(3):
        endpoint.datagram_received(ask, ("192.0.2.1", 1))

    assert [len(data) for data in wire.sent] == [len(ask)]
    answer = parse(wire.sent[0])
    assert answer is not None
    assert (answer.kind, answer.number, answer.nonce) == (ANSWER, 1, b"n" * 16)


def test_who_asks_too_much_is_left_without_answers() -> None:
    endpoint, peer, wire, other = pair()

    for number in range(1, ASKS_PER_S_MAX + 50):
        ask = Probe(ASK, other.tag, number, b"n" * 16)
        endpoint.datagram_received(seal(ask, peer.key), ("192.0.2.1", 1))

    assert len(wire.sent) == ASKS_PER_S_MAX


def test_an_answer_counts_once_and_only_with_the_nonce_that_was_sent() -> None:
    endpoint, peer, wire, other = pair()
    endpoint.ask(peer)
    asked = parse(wire.sent[0])
    assert asked is not None
    guessed = seal(Probe(ANSWER, other.tag, asked.number, b"g" * 16), peer.key)
    right = seal(asked._replace(kind=ANSWER, tag=other.tag), peer.key)

    for data in (guessed, right, right):
        endpoint.datagram_received(data, ("127.0.0.1", 9))

    assert peer.window.close(0.0).samples == 1


def test_our_own_ask_sent_back_is_nothing() -> None:
    endpoint, peer, wire, _ = pair()
    endpoint.ask(peer)

    endpoint.datagram_received(wire.sent[0], ("127.0.0.1", 9))

    assert len(wire.sent) == 1
    assert peer.window.close(0.0).samples == 0


@given(st.lists(st.one_of(st.none(), st.integers(1, 1_999)), max_size=200))
def test_every_ask_is_answered_or_lost(trips_ms: list[int | None]) -> None:
    window = MeshWindow(lost_after_s=2.0)
    for number, trip_ms in enumerate(trips_ms):
        window.ask(number, float(number))
        if trip_ms is not None:
            assert window.answer(number, number + trip_ms / 1_000)
            assert not window.answer(number, number + 9.0)

    found = window.close(len(trips_ms) + 2.1)

    came = sorted(trip_ms * 1_000 for trip_ms in trips_ms if trip_ms is not None)
    assert (found.samples, found.lost) == (len(came), len(trips_ms) - len(came))
    if came:
        assert found.min_us <= found.p50_us <= found.p99_us
        assert 0 <= found.min_us - came[0] <= 1
        assert 0 <= found.p99_us - came[-(-len(came) * 99 // 100) - 1] <= 1
    assert window.close(1e9) == Trips(0, 0, 0, 0, 0)


def test_what_is_on_its_way_is_bounded() -> None:
    window = MeshWindow(lost_after_s=2.0)
    for number in range(OUTSTANDING_MAX + 5):
        window.ask(number, 0.0)

    assert window.close(0.0).lost == 5


class Board:
    """Stands for telemetry: everybody who reported, and all windows."""

    def __init__(self, away: int = 0) -> None:
        self.away = away
        self.members: dict[str, pb.MeshPeer] = {}
        self.windows: dict[tuple[str, str], pb.PeerWindow] = {}
        self.changed = asyncio.Condition()

    async def report(self, request: pb.ReportMeshRequest) -> pb.ReportMeshResponse:
        if self.away:
            self.away -= 1
            empty = grpc.aio.Metadata()
            raise grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, empty, empty, "as told")
        me = request.site_id
        self.members[me] = pb.MeshPeer(
            site_id=me,
            address=self.members[me].address if me in self.members else request.address,
            public_key=request.public_key,
        )
        async with self.changed:
            for window in request.windows:
                self.windows[me, window.peer_site_id] = window
            self.changed.notify_all()
        peers = [peer for name, peer in self.members.items() if name != me]
        return pb.ReportMeshResponse(peers=peers)

    def forget(self, site: str) -> None:
        del self.members[site]
        self.windows = {ends: w for ends, w in self.windows.items() if site not in ends}

    async def until(self, *pairs: tuple[str, str]) -> None:
        def is_there() -> bool:
            return all(p in self.windows and self.windows[p].samples for p in pairs)

        async with asyncio.timeout(20), self.changed:
            await self.changed.wait_for(is_there)


@asynccontextmanager
async def site(board: Board, name: str) -> AsyncIterator[Mesh]:
    clock = SystemClock()
    backoff = Backoff(clock, seeded(1), 0.01, 0.1)
    needs = MeshNeeds(name, "1", board.report, ScaledClock(0, 0, 1_000), clock, backoff)
    mesh = Mesh(needs, MeshConfig(listen="127.0.0.1:0", probe_ms=10))
    await mesh.start()
    tasks = [asyncio.create_task(run()) for run in (mesh.report, mesh.probe)]
    try:
        yield mesh
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await mesh.stop()


class Relay(asyncio.DatagramProtocol):
    """A long way: holds what it is sent, then hands it on; answers go back by themselves."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target

    def connection_made(self, transport) -> None:
        self._transport, self._from = transport, None

    def datagram_received(self, data: bytes, addr) -> None:
        if addr != self._target:
            self._from = addr
        to = self._target if addr != self._target else self._from
        asyncio.get_running_loop().call_later(HELD_S, self._transport.sendto, data, to)


async def test_sites_measure_each_other() -> None:
    board = Board()
    async with site(board, "lanzhou"), site(board, "qingyang"), site(board, "jiuquan"):
        names = ("lanzhou", "qingyang", "jiuquan")
        await board.until(*((a, b) for a in names for b in names if a != b))

    assert all(w.rtt_min_us <= w.rtt_p50_us <= w.rtt_p99_us for w in board.windows.values())


async def test_a_telemetry_that_is_away_is_asked_again() -> None:
    board = Board(away=3)
    async with site(board, "lanzhou"), site(board, "qingyang"):
        await board.until(("lanzhou", "qingyang"), ("qingyang", "lanzhou"))

    assert not board.away


async def test_a_site_that_comes_back_with_a_new_key_is_measured_again() -> None:
    board = Board()
    async with site(board, "lanzhou"):
        for _ in range(2):
            async with site(board, "qingyang"):
                await board.until(("lanzhou", "qingyang"), ("qingyang", "lanzhou"))
            board.forget("qingyang")


async def test_a_long_way_is_measured_as_long() -> None:
    board = Board()
    async with site(board, "lanzhou") as near:
        host, _, port = near._address.rpartition(":")
        relay, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: Relay((host, int(port))), ("127.0.0.1", 0)
        )
        far = relay.get_extra_info("sockname")
        # From the first report on everybody is told to come by the relay.
        board.members["lanzhou"] = pb.MeshPeer(site_id="lanzhou", address=f"{far[0]}:{far[1]}")
        async with site(board, "qingyang"):
            await board.until(("qingyang", "lanzhou"))
        relay.close()

    assert board.windows["qingyang", "lanzhou"].rtt_min_us >= 2 * HELD_S * 1_000_000
