"""What every call passes, in this order: deadline, trace, identity, authorisation, errors.

Deadline first: a call without an end may hold nothing. Trace second, so that refusals carry the
caller's trace id. Identity before authorisation, which needs a name. The request is parsed only
after all four, so a stranger's bytes never reach a parser. Errors become statuses at the rim.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, cast

import grpc
from google.protobuf.message import DecodeError

from hexi_kit.clock import Clock
from hexi_kit.errors import (
    HexiError,
    InvalidArgument,
    PermissionDenied,
    Poison,
    Unauthenticated,
    Unavailable,
    Violation,
)
from hexi_kit.identity.authorize import Authorizer
from hexi_kit.logs import get_logger
from hexi_kit.rpc.context import set_principal
from hexi_kit.rpc.peer import Peers
from hexi_kit.rpc.refusals import Refusal, Refusals
from hexi_kit.rpc.status import abort_with
from hexi_kit.tracing import enter_trace, span

Context = grpc.aio.ServicerContext[Any, Any]
Handler = Any  # the stubs know neither missing handlers nor handlers without a parser
Deserializer = Callable[[bytes], Any]

if TYPE_CHECKING:
    _Interceptor = grpc.aio.ServerInterceptor[Any, Any]
else:
    _Interceptor = grpc.aio.ServerInterceptor  # generic in the stubs only

DEADLINE_S_MAX = 60.0


@dataclass(frozen=True)
class GateKeeper:
    """Who decides at the gate."""

    peers: Peers
    authorizer: Authorizer
    refusals: Refusals
    real_clock: Clock


@dataclass(frozen=True)
class _Method:
    """One method as the gate sees it."""

    path: str
    service: str
    name: str
    parse: Deserializer
    behavior: Callable[..., Any]
    is_open_ended: bool


class Gate(_Interceptor):
    """One interceptor instead of five: each would build a handler anew for every call."""

    def __init__(self, keeper: GateKeeper) -> None:
        self._keeper = keeper
        self._handlers: dict[str, Handler] = {}
        self._log = get_logger()

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler:
        path = handler_call_details.method
        handler = self._handlers.get(path)
        if handler is None:
            inner = await continuation(handler_call_details)
            if inner is None:
                return inner
            # Bounded: only methods this server really has get here.
            handler = self._handlers[path] = self._guard(path, inner)
        return handler

    def _guard(self, path: str, inner: Handler) -> Handler:
        behavior = inner.unary_unary or inner.unary_stream or inner.stream_unary
        behavior = behavior or inner.stream_stream
        service, _, name = path.lstrip("/").partition("/")
        is_open_ended = bool(inner.request_streaming or inner.response_streaming)
        parse = inner.request_deserializer
        method = _Method(path, service, name, parse, behavior, is_open_ended)
        # No deserializer: the call parses its own request, after it was let in.
        render = inner.response_serializer
        if inner.request_streaming and inner.response_streaming:
            call = self._stream_out(method, _parsed_stream)
            return grpc.stream_stream_rpc_method_handler(call, None, render)
        if inner.request_streaming:
            return grpc.stream_unary_rpc_method_handler(self._stream_in(method), None, render)
        if inner.response_streaming:
            call = self._stream_out(method, _parsed)
            return grpc.unary_stream_rpc_method_handler(call, None, render)
        return grpc.unary_unary_rpc_method_handler(self._unary(method), None, render)

    def _unary(self, method: _Method) -> Callable[..., Any]:
        async def call(data: bytes, context: Context) -> Any:
            try:
                left_s = self._admit(method, context)
                request = _parsed(method.parse, data)
                with span(method.path):
                    if left_s <= DEADLINE_S_MAX:
                        return await method.behavior(request, context)
                    async with asyncio.timeout(DEADLINE_S_MAX):
                        return await method.behavior(request, context)
            except Exception as error:  # noqa: BLE001 - edge of the process
                await self._refuse(error, method, context)

        return call

    def _stream_in(self, method: _Method) -> Callable[..., Any]:
        async def call(messages: AsyncIterator[bytes], context: Context) -> Any:
            try:
                self._admit(method, context)
                with span(method.path):
                    return await method.behavior(_parsed_stream(method.parse, messages), context)
            except Exception as error:  # noqa: BLE001 - edge of the process
                await self._refuse(error, method, context)

        return call

    def _stream_out(
        self, method: _Method, parsed: Callable[[Deserializer, Any], Any]
    ) -> Callable[..., Any]:
        async def call(incoming: Any, context: Context) -> AsyncIterator[Any]:
            try:
                self._admit(method, context)
                async for answer in method.behavior(parsed(method.parse, incoming), context):
                    yield answer
            except Exception as error:  # noqa: BLE001 - edge of the process
                await self._refuse(error, method, context)

        return call

    def _admit(self, method: _Method, context: Context) -> float:
        """The four checks; answers how many seconds are left."""
        # The stubs promise a number; a call without deadline has none.
        left_s = cast("float | None", context.time_remaining())
        if left_s is None:
            if not method.is_open_ended:
                raise InvalidArgument([Violation("deadline", "expected a deadline, was none")])
            left_s = 0.0
        for key, value in context.invocation_metadata() or ():
            if key == "traceparent":
                enter_trace(str(value))
                break
        peer = self._keeper.peers.certificate(context)
        peer.require_valid(self._keeper.real_clock.now_ms())
        set_principal(peer.principal)
        self._keeper.authorizer.check(peer.principal, method.service, method.name)
        return left_s

    async def _refuse(self, error: Exception, method: _Method, context: Context) -> NoReturn:
        match error:
            case grpc.aio.AbortError():
                raise error
            case NotImplementedError():
                await context.abort(grpc.StatusCode.UNIMPLEMENTED, "method not implemented")
            case grpc.aio.AioRpcError():
                # A peer's failure the handler did not expect: ours to retry, not the caller's.
                error = Unavailable(f"peer answered {error.code().name}: {error.details()}")
            case Unauthenticated() | PermissionDenied():
                self._report(error, method, context)
            case TimeoutError():
                error = Unavailable(f"took longer than {DEADLINE_S_MAX:.0f} s")
            case _ if not isinstance(error, HexiError) or isinstance(error, Poison):
                self._log.error("rpc.bug", method=method.path, exc_info=error)
        await abort_with(context, error)

    def _report(
        self, error: Unauthenticated | PermissionDenied, method: _Method, context: Context
    ) -> None:
        kind = "unauthenticated" if isinstance(error, Unauthenticated) else "permission-denied"
        name, address = self._keeper.peers.describe(context)
        refusal = Refusal(kind, name, method.path, str(error), address)
        self._keeper.refusals.report(refusal)


def _parsed(parse: Deserializer, data: bytes) -> Any:
    try:
        return parse(data)
    except DecodeError as error:
        raise InvalidArgument([Violation("", "expected a protobuf message")]) from error


async def _parsed_stream(parse: Deserializer, messages: AsyncIterator[bytes]) -> AsyncIterator[Any]:
    async for data in messages:
        yield _parsed(parse, data)
