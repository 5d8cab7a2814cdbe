"""Goal: a receiver knows its callers and its bounds before it reads a word. Method: real requests
to a door on loopback, and bodies packed in every way."""

from __future__ import annotations

import asyncio
import gzip
import logging
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import cramjam
import pytest
from hexi_agent.config import read_config
from hexi_agent.sources.http_door import Answer, Headers, HttpDoor
from hexi_agent.sources.inflate import (
    NotSpokenError,
    PackedWrongError,
    TooLargeError,
    inflate,
)
from hexi_agent.sources.intake import AHEAD_MS_MAX, Intake, Taken
from hexi_agent.sources.listening import ListenOptions
from hexi_agent.sources.raw import RawReading
from hexi_agent.sources.secret import SecretFile
from hexi_agent.sources.subject import host_of
from hexi_kit.errors import InvalidArgument, ResourceExhausted, Unavailable
from hexi_kit.testing.clock import ManualClock
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

EXAMPLES = Path(__file__).resolve().parents[3] / "services" / "agent" / "examples"
MOST = 100_000
LOOPBACK = {"listen": "127.0.0.1:0", "body_bytes_max": 1_024}


class Echo:
    """Gives back what it gets, or sends its caller away."""

    def receive(self, headers: Headers, body: bytes) -> Answer:
        if body == b"later":
            raise ResourceExhausted("later", retry_after_ms=1_500)
        return Answer(200, body)

    def refuse(self, headers: Headers, status: int, reason: str) -> Answer:
        return Answer(status, reason.encode())


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


def reading(value: float = 1.0, at_ms: int = 0) -> RawReading:
    return RawReading("x", "node1", "power", (), value, "", at_ms)


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [("", bytes), ("gzip", gzip.compress), ("deflate", zlib.compress), ("Snappy", None)],
)
def test_what_was_packed_is_unpacked_to_the_bound(encoding: str, pack: type | None) -> None:
    pack = pack or (lambda body: bytes(cramjam.snappy.compress_raw(body)))  # type: ignore[assignment] # one of several
    assert pack is not None

    assert inflate(pack(b"a" * MOST), encoding, MOST) == b"a" * MOST
    with pytest.raises(TooLargeError):
        inflate(pack(b"a" * (MOST + 1)), encoding, MOST)


def test_several_members_are_one_body_and_a_thousand_are_none() -> None:
    assert inflate(gzip.compress(b"a") + gzip.compress(b"b"), "gzip", MOST) == b"ab"
    with pytest.raises(PackedWrongError):
        inflate(gzip.compress(b"") * 1_000, "gzip", MOST)
    with pytest.raises(NotSpokenError):
        inflate(b"a", "br", MOST)


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(["gzip", "deflate", "snappy"]),
    st.binary(max_size=60),
    st.integers(0, 200),
    st.integers(0, 255),
)
def test_broken_packing_is_an_answer(encoding: str, junk: bytes, at: int, byte: int) -> None:
    good = {
        "gzip": gzip.compress(b"abc" * 50),
        "deflate": zlib.compress(b"abc" * 50),
        "snappy": bytes(cramjam.snappy.compress_raw(b"abc" * 50)),
    }[encoding]
    bad = bytearray(good)
    bad[at % len(bad)] = byte

    for body in (junk, bytes(bad), good[: at % len(good)]):
        try:
            assert len(inflate(body, encoding, 1_000)) <= 1_000
        except (PackedWrongError, TooLargeError):
            continue


@pytest.mark.parametrize(
    "options",
    [
        {"listen": "0.0.0.0:4318"},
        {"listen": "[::]:4318", "bearer_file": "token"},
        {"listen": "10.0.0.1:4318", "tls": {"certificate": "c", "private_key": "k"}},
        {"listen": "4318"},
        {"listen": "example:4318"},
    ],
)
def test_nobody_unknown_is_let_in_from_beyond_this_machine(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ListenOptions.model_validate(options)


def test_a_known_caller_may_come_from_anywhere() -> None:
    tls = {"certificate": "c", "private_key": "k"}
    for more in ({"tls": {**tls, "client_authority": "a"}}, {"tls": tls, "bearer_file": "t"}):
        ListenOptions.model_validate({"listen": "0.0.0.0:4318", **more})


async def test_each_refusal_has_its_status(http: aiohttp.ClientSession, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("sesame\n")
    options = ListenOptions.model_validate({**LOOPBACK, "bearer_file": token})
    door = HttpDoor("test", options, {"/in": Echo()})
    await door.open()
    right = {"Authorization": "Bearer sesame"}
    asked: list[tuple[dict[str, str], bytes, int]] = [
        ({}, b"", 401),
        ({"Authorization": "Bearer sesam"}, b"", 401),
        ({"Authorization": "Basic sesame"}, b"", 401),
        (right, b"hello", 200),
        (right, b"later", 429),
        (right, b"a" * 1_025, 413),
        ({**right, "Content-Encoding": "gzip"}, gzip.compress(b"a" * 9_999), 413),
        ({**right, "Content-Encoding": "gzip"}, b"hello", 400),
        ({**right, "Content-Encoding": "br"}, b"hello", 415),
    ]
    url = f"http://127.0.0.1:{door.port}/in"

    for headers, body, status in asked:
        async with http.post(url, data=body, headers=headers) as response:
            assert response.status == status, (headers, body[:10])
            assert (response.headers.get("Retry-After") == "2") == (status == 429)
    token.write_text("")
    async with http.post(url, headers=right) as response:
        assert response.status == 503
        assert str(token) not in await response.text()
    await door.close()


async def test_a_body_that_trickles_holds_no_place(http: aiohttp.ClientSession) -> None:
    options = {**LOOPBACK, "body_timeout_s": 0.05, "requests_at_once_max": 1}
    door = HttpDoor("test", ListenOptions.model_validate(options), {"/in": Echo()})
    await door.open()
    release = asyncio.Event()

    async def trickle() -> AsyncIterator[bytes]:
        yield b"a"
        await release.wait()

    url = f"http://127.0.0.1:{door.port}/in"

    async with http.post(url, data=trickle()) as slow:
        release.set()
        assert slow.status == 408
    async with http.post(url, data=b"quick") as quick:
        assert quick.status == 200
    await door.close()


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        (b"\0\xff\r\n\r\n", b"400"),
        (b"POST /in HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\nabc", b"400"),
        (b"POST /in HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"400"),
        (b"GET /in HTTP/1.1\r\nHost: a\r\n\r\n", b"405"),
        (b"POST /else HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", b"404"),
        (b"POST /in HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc", b""),
    ],
)
async def test_what_is_no_request_of_ours_is_answered_without_a_word_in_the_log(
    request_: bytes, answer: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    door = HttpDoor("test", ListenOptions.model_validate(LOOPBACK), {"/in": Echo()})
    await door.open()
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)

    writer.write(request_)
    if answer:
        assert (await reader.readline()).split(b" ")[1] == answer
    writer.close()
    await writer.wait_closed()
    await door.close()

    assert [one for one in caplog.records if one.levelno >= logging.WARNING] == []


def test_the_example_of_such_a_site_is_right() -> None:
    config = read_config(EXAMPLES / "prometheus.yaml")

    assert [one.kind for one in config.sources] == [
        "openmetrics", "openmetrics", "otlp", "remote_write",
    ]  # fmt: skip


def test_the_rate_is_owed_and_paid_by_time() -> None:
    clock, taken = ManualClock(), list[RawReading]()
    intake = Intake("x", clock, readings_per_s_max=10)
    with pytest.raises(Unavailable):
        intake.admit()
    intake.connect(taken.extend)

    intake.admit()
    intake.offer([reading()] * 30)
    with pytest.raises(ResourceExhausted) as told:
        intake.admit()
    clock.advance(told.value.retry_after_ms)
    intake.admit()

    assert (len(taken), told.value.retry_after_ms) == (30, 2_000)


def test_tomorrow_and_infinity_are_not_believed() -> None:
    clock, taken = ManualClock(), list[RawReading]()
    intake, now_ms = Intake("x", clock), clock.now_ms()
    intake.connect(taken.extend)
    late = reading(at_ms=now_ms + AHEAD_MS_MAX + 1)

    told = intake.offer([reading(at_ms=now_ms), late, reading(float("inf"), now_ms)])

    assert told == Taken(1, 2, "power: its time is ahead of ours")
    assert len(taken) == 1


def test_a_secret_is_read_again_and_never_shown(tmp_path: Path) -> None:
    path = tmp_path / "token"
    secret = SecretFile(path)
    with pytest.raises(InvalidArgument):
        secret.read()
    path.write_text("one\n")
    assert secret.is_bearer("bearer one")
    path.write_text("second")

    assert secret.read() == "second"
    assert "second" not in repr(secret)


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("node7:9100", "node7"), ("node7", "node7"), ("[fe80::1]:9100", "fe80::1"),
        ("fe80::1", "fe80::1"), ("10.0.0.1:80", "10.0.0.1"), ("", ""), ("a:b", "a:b"),
    ],
)  # fmt: skip
def test_an_address_speaks_of_its_host(address: str, host: str) -> None:
    assert host_of(address) == host
