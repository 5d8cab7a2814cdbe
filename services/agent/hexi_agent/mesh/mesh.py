"""One site in the mesh: reports a window, learns whom to measure, and measures them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

import grpc
from hexi.telemetry.v1 import measure_service_pb2 as pb
from hexi_kit.clock import Clock
from hexi_kit.errors import HexiError
from hexi_kit.logs import get_logger
from hexi_kit.rpc.status import from_rpc_error

from hexi_agent.backoff import Backoff
from hexi_agent.mesh.endpoint import Address, Endpoint, Peer
from hexi_agent.mesh.options import MeshConfig
from hexi_agent.mesh.probe import MeshKey, tag_of

# However fast the province's clock runs, a window has time for so many probes of each peer.
WINDOW_PROBES_MIN = 20
# A peer that answered nothing in a whole window is asked this much less often.
UNANSWERED_EVERY = 10
IDLE_S = 1.0
RESOLVE_TIMEOUT_S = 2.0

Report = Callable[[pb.ReportMeshRequest], Awaitable[pb.ReportMeshResponse]]


@dataclass(frozen=True, slots=True)
class MeshNeeds:
    """Who reports, where to, and what time it is: the province's, and real time."""

    site_id: str
    agent_id: str
    report: Report
    clock: Clock
    real_clock: Clock
    backoff: Backoff


class Mesh:
    """Probes go out evenly through the second: a burst would measure its own queue."""

    def __init__(self, needs: MeshNeeds, config: MeshConfig) -> None:
        self._needs, self._config = needs, config
        self._key = MeshKey()
        self._endpoint = Endpoint(self._key, needs.real_clock)
        self._transport: asyncio.DatagramTransport | None = None
        self._address, self._family = config.address, socket.AF_INET

    async def start(self) -> None:
        host, _, port = self._config.listen.rpartition(":")
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(
            lambda: self._endpoint, (host.strip("[]"), int(port))
        )
        bound = self._transport.get_extra_info("socket")
        self._family = bound.family
        # With port 0 the system has chosen one.
        self._address = self._address or f"{host}:{bound.getsockname()[1]}"

    async def stop(self) -> None:
        if self._transport is not None:
            self._transport.close()

    async def report(self) -> None:
        """A window, a report, the next peers; as long as the process lives."""
        windows: list[pb.PeerWindow] = []
        while True:
            try:
                response = await self._needs.report(self._request(windows))
            except grpc.aio.AioRpcError as problem:
                await self._wait(from_rpc_error(problem))
                # The next window is as good as this one was.
                windows = []
                continue
            self._needs.backoff.reset()
            await self._know(response.peers)
            await self._until_window_ends()
            windows = self._close()

    async def probe(self) -> None:
        """One peer after the other, for as long as the process lives."""
        turn, every_s = 0, self._config.probe_ms / 1_000
        while True:
            peers = list(self._endpoint.peers.values())
            for peer in peers:
                if peer.window.is_answered or turn % UNANSWERED_EVERY == 0:
                    self._endpoint.ask(peer)
                await self._needs.real_clock.sleep(every_s / len(peers))
            turn += 1
            if not peers:
                await self._needs.real_clock.sleep(min(IDLE_S, every_s))

    def _request(self, windows: list[pb.PeerWindow]) -> pb.ReportMeshRequest:
        needs = self._needs
        return pb.ReportMeshRequest(
            site_id=needs.site_id,
            agent_id=needs.agent_id,
            address=self._address,
            public_key=self._key.public,
            windows=windows,
        )

    async def _wait(self, error: HexiError) -> None:
        get_logger().warning("mesh.not_reported", reason=str(error))
        await self._needs.backoff.wait(error)

    async def _until_window_ends(self) -> None:
        real, begun_s = self._needs.real_clock, self._needs.real_clock.real_monotonic_s()
        await self._needs.clock.sleep(self._config.window_s)
        enough_s = WINDOW_PROBES_MIN * self._config.probe_ms / 1_000
        left_s = begun_s + enough_s - real.real_monotonic_s()
        if left_s > 0:
            await real.sleep(left_s)

    def _close(self) -> list[pb.PeerWindow]:
        now_s, windows = self._needs.real_clock.real_monotonic_s(), []
        for peer in self._endpoint.peers.values():
            trips = peer.window.close(now_s)
            if trips.samples or trips.lost:
                windows.append(
                    pb.PeerWindow(
                        peer_site_id=peer.site_id,
                        rtt_min_us=trips.min_us,
                        rtt_p50_us=trips.p50_us,
                        rtt_p99_us=trips.p99_us,
                        samples=trips.samples,
                        lost=trips.lost,
                    )
                )
        return windows

    async def _know(self, told: Iterable[pb.MeshPeer]) -> None:
        """Who is still there keeps its window; who came back with a new key is a new one."""
        known, peers = self._endpoint.peers, dict[bytes, Peer]()
        for one in told:
            tag = tag_of(one.public_key)
            peer = known.get(tag)
            if peer is None or peer.named != one.address:
                try:
                    peer = Peer(one.site_id, one.public_key, self._key)
                    peer.named, peer.address = one.address, await self._resolve(one.address)
                except (ValueError, OSError) as error:
                    get_logger().warning("mesh.peer_left_out", site=one.site_id, reason=str(error))
                    continue
            peers[tag] = peer
        self._endpoint.know(peers)

    async def _resolve(self, address: str) -> Address:
        host, _, port = address.rpartition(":")
        loop = asyncio.get_running_loop()
        kind = {"family": self._family, "type": socket.SOCK_DGRAM}
        async with asyncio.timeout(RESOLVE_TIMEOUT_S):
            found = await loop.getaddrinfo(host.strip("[]"), int(port), **kind)
        return found[0][4]
