"""Channels to our services: mutual TLS, a deadline and the trace id on every call."""

from collections.abc import Callable, Sequence
from typing import Any

import grpc

from hexi_kit.identity.identity import Identity
from hexi_kit.rpc.limits import MESSAGE_BYTES_MAX
from hexi_kit.tracing import current_traceparent

CALL_TIMEOUT_S = 10.0
_OPTIONS = [
    ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
    ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
    ("grpc.initial_reconnect_backoff_ms", 100),
    # Also how long one attempt may take; a busy server needs its time for a handshake.
    ("grpc.min_reconnect_backoff_ms", 5_000),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.keepalive_time_ms", 30_000),
    # One process may hold channels of several identities: sessions must not be shared.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.ssl_target_name_override", "localhost"),
]


def open_channel(address: str, identity: Identity) -> grpc.aio.Channel:
    """Connects when first used; unary calls without a timeout get one."""
    credentials = grpc.ssl_channel_credentials(
        identity.authority(), identity.key(), identity.certificate()
    )
    return _Channel(grpc.aio.secure_channel(address, credentials, options=_OPTIONS))


class _Channel(grpc.aio.Channel):
    """Adds to each call what ours need; interceptors would make a task for every call."""

    def __init__(self, inner: grpc.aio.Channel) -> None:
        self._inner = inner

    async def __aenter__(self) -> "_Channel":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._inner.close(None)

    async def close(self, grace: float | None = None) -> None:
        await self._inner.close(grace)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        return self._inner.get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        await self._inner.wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        await self._inner.channel_ready()

    def unary_unary(self, *args: Any, **kwargs: Any) -> Any:
        return _with_deadline(self._inner.unary_unary(*args, **kwargs))

    def unary_stream(self, *args: Any, **kwargs: Any) -> Any:
        return _with_trace(self._inner.unary_stream(*args, **kwargs))

    def stream_unary(self, *args: Any, **kwargs: Any) -> Any:
        return _with_trace(self._inner.stream_unary(*args, **kwargs))

    def stream_stream(self, *args: Any, **kwargs: Any) -> Any:
        return _with_trace(self._inner.stream_stream(*args, **kwargs))


Metadata = Sequence[tuple[str, str | bytes]]


def _with_deadline(call: Callable[..., Any]) -> Callable[..., Any]:
    def invoke(
        request: Any,
        *,
        timeout: float | None = CALL_TIMEOUT_S,
        metadata: Metadata = (),
        **rest: Any,
    ) -> Any:
        return call(request, timeout=timeout, metadata=_traced(metadata), **rest)

    return invoke


def _with_trace(call: Callable[..., Any]) -> Callable[..., Any]:
    def invoke(*args: Any, metadata: Metadata = (), **rest: Any) -> Any:
        return call(*args, metadata=_traced(metadata), **rest)

    return invoke


def _traced(metadata: Metadata) -> tuple[tuple[str, str | bytes], ...]:
    return (("traceparent", current_traceparent()), *metadata)
