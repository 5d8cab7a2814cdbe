"""Goal: whoever comes without a good name is told, and told of. Method: real TLS on loopback."""

import asyncio
import socket
from pathlib import Path

import grpc
import pytest
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2, health_pb2_grpc
from hexi_kit.identity import Identity, LocalAuthority, Principal
from hexi_kit.rpc.channel import open_channel
from hexi_kit.testing.pki import Pki
from hexi_kit.testing.rpc import Harness, serve

AGENT = Principal("agent", "1", "lanzhou")
CHECK = health_pb2.HealthCheckRequest()


@pytest.fixture
def pki(tmp_path: Path) -> Pki:
    return Pki(tmp_path)


async def check(channel: grpc.aio.Channel) -> Message:
    answer: Message = await health_pb2_grpc.HealthStub(channel).Check(CHECK, timeout=5)
    return answer


async def refused(harness: Harness, identity: Identity) -> grpc.StatusCode:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await check(await harness.channel(identity))
    return caught.value.code()


async def test_a_good_name_comes_in(pki: Pki) -> None:
    async with serve([], pki) as harness:
        await check(await harness.channel(AGENT))
        assert harness.refusals == []


async def test_an_expired_certificate_is_unauthenticated_with_its_name(pki: Pki) -> None:
    async with serve([], pki) as harness:
        assert await refused(harness, pki.expired(AGENT)) == grpc.StatusCode.UNAUTHENTICATED
        assert (await harness.first_refusal()).kind == "unauthenticated"
        assert harness.refusals[0].principal == AGENT.uri
        assert harness.refusals[0].peer.startswith("127.0.0.1:")


async def test_no_certificate_is_unauthenticated(pki: Pki) -> None:
    async with serve([], pki) as harness:
        trust = grpc.ssl_channel_credentials((pki.directory / "ca.pem").read_bytes())
        async with grpc.aio.secure_channel(harness.address, trust) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await check(channel)
        assert caught.value.code() == grpc.StatusCode.UNAUTHENTICATED
        assert (await harness.first_refusal()).kind == "unauthenticated"


async def test_a_foreign_authority_fails_the_handshake_and_is_reported(pki: Pki) -> None:
    async with serve([], pki) as harness:
        assert await refused(harness, pki.foreign(AGENT)) == grpc.StatusCode.UNAVAILABLE
        assert (await harness.first_refusal()).kind == "handshake"
        assert "certificate refused" in harness.refusals[0].reason


async def test_a_certificate_that_names_nobody_of_ours_is_unauthenticated(
    pki: Pki, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The authority never issues such a name, so the reading side is what moves.
    identity = pki.identity(AGENT)
    async with serve([], pki) as harness:
        monkeypatch.setattr("hexi_kit.identity.principal._TRUST_DOMAIN", "spiffe://elsewhere/")
        assert await refused(harness, identity) == grpc.StatusCode.UNAUTHENTICATED
        assert (await harness.first_refusal()).kind == "unauthenticated"


async def test_bytes_that_are_no_tls_are_reported(pki: Pki) -> None:
    async with serve([], pki) as harness:
        host, _, port = harness.address.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET / HTTP/1.1\r\n\r\n" * 10)
        await reader.read()
        writer.close()
        assert (await harness.first_refusal()).kind == "handshake"


async def test_a_caller_who_hangs_up_at_once_harms_nobody(pki: Pki) -> None:
    async with serve([], pki) as harness:
        host, _, port = harness.address.rpartition(":")
        for _ in range(20):
            socket.create_connection((host, int(port))).close()
        await check(await harness.channel(AGENT))


async def test_going_round_the_front_gives_no_name(pki: Pki) -> None:
    async with serve([], pki) as harness:
        await check(await harness.channel(AGENT))
        address = f"127.0.0.1:{harness.inner_port}"
        async with grpc.aio.insecure_channel(address) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await check(channel)
        assert caught.value.code() == grpc.StatusCode.UNAUTHENTICATED


async def test_an_agent_cannot_pose_as_a_server(pki: Pki) -> None:
    async with serve([], pki, server_identity=pki.identity(AGENT)) as harness:
        assert await refused(harness, pki.service("scheduler")) == grpc.StatusCode.UNAVAILABLE


async def test_many_connections_keep_their_own_names(pki: Pki) -> None:
    expired, good = pki.expired(AGENT), pki.identity(AGENT)
    async with serve([], pki) as harness:
        channels = [open_channel(harness.address, (good, expired)[n % 2]) for n in range(20)]
        answers = await asyncio.gather(*(check(c) for c in channels), return_exceptions=True)
        assert [isinstance(a, grpc.aio.AioRpcError) for a in answers] == [False, True] * 10
        for channel in channels:
            await channel.close()


async def test_a_renewed_certificate_counts_for_the_next_connection(pki: Pki) -> None:
    LocalAuthority(pki.directory).ensure_ca()
    async with serve([], pki) as harness:
        expired = pki.expired(AGENT)
        assert await refused(harness, expired) == grpc.StatusCode.UNAUTHENTICATED
        LocalAuthority(pki.directory).issue("expired-agent", AGENT.uri, "expired", 60)
        await check(await harness.channel(expired))
