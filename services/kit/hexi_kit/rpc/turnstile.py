"""The TLS front of a server: notes who comes in, tells who failed, hands bytes to gRPC.

gRPC ends a failed handshake below Python: no event, no status, no address. Here the handshake is
ours. A caller without a certificate, or with one whose day is over, comes in as far as the gate and
is told UNAUTHENTICATED there; one of a foreign authority fails the handshake. All become refusals.
Why it stands in front: contracts/decisions/0002-tls-in-front-of-grpc.md.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from cryptography import x509

from hexi_kit.errors import Unauthenticated
from hexi_kit.identity.certificate import PeerCertificate, read_certificate
from hexi_kit.identity.identity import Identity
from hexi_kit.rpc.limits import CONNECTIONS_MAX
from hexi_kit.rpc.refusals import Refusal, Refusals

_HANDSHAKE_TIMEOUT_S = 5.0
_BUFFER_BYTES_MAX = 1024 * 1024
# OpenSSL's X509_V_FLAG_NO_CHECK_TIME, which Python does not name: the gate checks the dates.
_NO_CHECK_TIME = 0x200000


@dataclass(frozen=True)
class Guest:
    """Who is at the other end of one connection; `problem` where no name could be read."""

    address: str
    certificate: PeerCertificate | None
    problem: str = ""


class Turnstile:
    """Each accepted connection gets one to gRPC; its local port names the guest there."""

    def __init__(self, identity: Identity, refusals: Refusals) -> None:
        self._context = _tls(identity)
        self._refusals = refusals
        self._guests: dict[int, Guest] = {}
        self._listener: socket.socket | None = None
        self._accepting: asyncio.Task[None] | None = None
        self._entering: set[asyncio.Task[None]] = set()
        self._pipes: set[_Pipe] = set()

    def guest(self, inner_port: int) -> Guest:
        """Who came through; a connection that went round the turnstile is nobody's."""
        guest = self._guests.get(inner_port)
        if guest is None:
            raise Unauthenticated("connection did not come through the front")
        return guest

    def open(self, host: str, port: int) -> int:
        """Take the port; callers wait in the backlog until `start`."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, port), family=family, backlog=512)
        self._listener.setblocking(False)
        return int(self._listener.getsockname()[1])

    def start(self, inner_port: int) -> None:
        assert self._listener is not None
        self._accepting = asyncio.create_task(self._accept(self._listener, inner_port))

    async def close_door(self) -> None:
        """No new callers; those inside may finish."""
        if self._accepting is not None:
            self._accepting.cancel()
            await asyncio.gather(self._accepting, return_exceptions=True)
        if self._listener is not None:
            self._listener.close()

    async def stop(self) -> None:
        await self.close_door()
        for task in tuple(self._entering):
            task.cancel()
        await asyncio.gather(*self._entering, return_exceptions=True)
        for pipe in tuple(self._pipes):
            pipe.abort()

    async def _accept(self, listener: socket.socket, inner_port: int) -> None:
        loop = asyncio.get_running_loop()
        while True:
            sock, address = await loop.sock_accept(listener)
            if len(self._pipes) + len(self._entering) >= CONNECTIONS_MAX:
                sock.close()
                continue
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            name = f"{address[0]}:{address[1]}"
            task = asyncio.create_task(self._enter(sock, name, inner_port))
            self._entering.add(task)
            task.add_done_callback(self._entering.discard)

    async def _enter(self, sock: socket.socket, address: str, inner_port: int) -> None:
        loop = asyncio.get_running_loop()
        outside = _Pipe(self._pipes.discard)
        try:
            transport, _ = await loop.connect_accepted_socket(
                lambda: outside,
                sock,
                ssl=self._context,
                ssl_handshake_timeout=_HANDSHAKE_TIMEOUT_S,
            )
        except OSError as error:
            sock.close()
            self._refusals.report(Refusal("handshake", "anonymous", "", _reason(error), address))
            return
        self._pipes.add(outside)
        tls: ssl.SSLObject = transport.get_extra_info("ssl_object")
        guest = _guest(address, tls.getpeercert(binary_form=True))
        inside = _Pipe(self._pipes.discard)
        try:
            inner, _ = await loop.create_connection(lambda: inside, "127.0.0.1", inner_port)
        except OSError:
            outside.abort()
            return
        # The name stands before the first byte goes in.
        port: int = inner.get_extra_info("sockname")[1]
        self._guests[port] = guest
        self._pipes.add(inside)
        inside.when_closed(lambda: self._guests.pop(port, None))
        outside.join(inside)


class _Pipe(asyncio.Protocol):
    """One end of a connection; what comes in goes out at the other end, at its pace."""

    def __init__(self, forget: Callable[["_Pipe"], None]) -> None:
        self._forget = forget
        self._transport: asyncio.Transport | None = None
        self._other: _Pipe | None = None
        self._after: Callable[[], object] | None = None
        self._early = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=_BUFFER_BYTES_MAX)

    def when_closed(self, after: Callable[[], object]) -> None:
        self._after = after

    def join(self, other: "_Pipe") -> None:
        """Connect two ends; what arrived before is passed on first."""
        self._other, other._other = other, self
        for end in (self, other):
            if end._early:
                end._pass_on(end._early)
                end._early = b""
            if end._transport is None:
                end._close_other()

    def data_received(self, data: bytes) -> None:
        if self._other is None:
            # A client's first bytes may be here before gRPC's end is; HTTP/2 keeps them few.
            self._early += data
            if len(self._early) > _BUFFER_BYTES_MAX:
                self.abort()
        else:
            self._pass_on(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._forget(self)
        if self._after is not None:
            self._after()
        self._close_other()

    def pause_writing(self) -> None:
        if self._other is not None and self._other._transport is not None:
            self._other._transport.pause_reading()

    def resume_writing(self) -> None:
        if self._other is not None and self._other._transport is not None:
            self._other._transport.resume_reading()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _pass_on(self, data: bytes) -> None:
        other = self._other
        if other is not None and other._transport is not None:
            other._transport.write(data)

    def _close_other(self) -> None:
        if self._other is not None and self._other._transport is not None:
            self._other._transport.close()


def _tls(identity: Identity) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(identity.cert_path, identity.key_path)
    context.load_verify_locations(cadata=identity.authority().decode())
    context.verify_mode = ssl.CERT_OPTIONAL
    context.verify_flags |= ssl.VerifyFlags(_NO_CHECK_TIME)
    context.set_alpn_protocols(["h2"])
    # A resumed session would skip the certificate; every connection shows it.
    context.num_tickets = 0
    return context


def _guest(address: str, der: bytes | None) -> Guest:
    if der is None:
        return Guest(address, None, "expected a client certificate, was none")
    try:
        return Guest(address, read_certificate(x509.load_der_x509_certificate(der)))
    except Unauthenticated as error:
        return Guest(address, None, error.reason)


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate refused: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"handshake failed: {error.reason or 'no TLS'}"
    return "handshake failed: connection ended"
