"""Goal: what reaches a handler has a deadline, a name and a permit; what leaves is typed.
Method: a servicer of all four shapes over real mutual TLS."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.wrappers_pb2 import StringValue
from hexi_kit import errors
from hexi_kit.identity import Principal
from hexi_kit.identity.authorize import Authorizer
from hexi_kit.rpc.channel import open_channel
from hexi_kit.rpc.context import current_principal
from hexi_kit.rpc.status import from_rpc_error
from hexi_kit.testing.pki import Pki
from hexi_kit.testing.rpc import Harness, serve
from hexi_kit.tracing import current_traceparent, span

SERVICE = "hexi.test.v1.EchoService"
AGENT = Principal("agent", "1", "lanzhou")
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
RAISED: dict[str, Exception] = {
    "invalid": errors.InvalidArgument([errors.Violation("value", "odd")]),
    "wrong-site": errors.PermissionDenied("site-scope", "not your site"),
    "missing": errors.NotFound("echo", "1"),
    "full": errors.ResourceExhausted("full", 1_500),
    "bug": KeyError("password"),
    "poison": errors.Poison("never for callers"),
    "late": TimeoutError(),
}


class Echo:
    async def unary(self, request: StringValue, context: Any) -> StringValue:
        if request.value in RAISED:
            raise RAISED[request.value]
        if request.value == "trace":
            return StringValue(value=current_traceparent())
        return StringValue(value=f"{current_principal()} {request.value}")

    async def out(self, request: StringValue, context: Any) -> AsyncIterator[StringValue]:
        for number in range(3):
            yield await self.unary(StringValue(value=str(number)), context)
        yield await self.unary(request, context)

    async def inward(self, requests: AsyncIterator[StringValue], context: Any) -> StringValue:
        return StringValue(value=",".join([request.value async for request in requests]))

    async def both(
        self, requests: AsyncIterator[StringValue], context: Any
    ) -> AsyncIterator[StringValue]:
        async for request in requests:
            yield await self.unary(request, context)


def register(echo: Echo, server: Any) -> None:
    shape = {"request_deserializer": StringValue.FromString,
             "response_serializer": StringValue.SerializeToString}  # fmt: skip
    handlers = {
        "Unary": grpc.unary_unary_rpc_method_handler(echo.unary, **shape),
        "Out": grpc.unary_stream_rpc_method_handler(echo.out, **shape),
        "In": grpc.stream_unary_rpc_method_handler(echo.inward, **shape),
        "Both": grpc.stream_stream_rpc_method_handler(echo.both, **shape),
        "Closed": grpc.unary_unary_rpc_method_handler(echo.unary, **shape),
    }
    server.add_registered_method_handlers(SERVICE, handlers)


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[Harness]:
    (tmp_path / "echo.cedar").write_text(
        f'@id("echo") permit (principal in Kind::"agent", action, resource == Api::"{SERVICE}");'
        f'@id("closed") forbid (principal, action == Action::"{SERVICE}/Closed", resource);'
    )
    registrations = [(register, Echo())]
    async with serve(registrations, Pki(tmp_path), authorizer=Authorizer(tmp_path)) as running:
        yield running


async def call(harness: Harness, value: str, method: str = "Unary", **rest: Any) -> str:
    channel = rest.pop("channel", None) or await harness.channel(rest.pop("caller", AGENT))
    invoke = channel.unary_unary(
        f"/{SERVICE}/{method}",
        request_serializer=StringValue.SerializeToString,
        response_deserializer=StringValue.FromString,
    )
    try:
        answer: StringValue = await invoke(StringValue(value=value), **rest)
    except grpc.aio.AioRpcError as error:
        raise from_rpc_error(error) from error
    return answer.value


async def test_a_handler_knows_its_caller(harness: Harness) -> None:
    assert await call(harness, "hello") == f"{AGENT} hello"


async def test_a_call_without_a_deadline_is_refused(harness: Harness) -> None:
    with pytest.raises(errors.InvalidArgument, match="deadline"):
        await call(harness, "hello", timeout=None)


async def test_the_callers_trace_reaches_the_handler(harness: Harness) -> None:
    with span("test", TRACE):
        assert await call(harness, "trace") == TRACE


@pytest.mark.parametrize("name", ["invalid", "wrong-site", "missing", "full"])
async def test_errors_of_handlers_arrive_typed(harness: Harness, name: str) -> None:
    with pytest.raises(type(RAISED[name])):
        await call(harness, name)


@pytest.mark.parametrize("name", ["bug", "poison"])
async def test_a_bug_is_internal_and_tells_nothing(harness: Harness, name: str) -> None:
    with pytest.raises(errors.HexiError, match=r"^INTERNAL: internal error$"):
        await call(harness, name)


async def test_a_handler_that_took_too_long_is_unavailable(harness: Harness) -> None:
    with pytest.raises(errors.Unavailable):
        await call(harness, "late")


async def test_a_denied_method_names_the_policy_and_is_reported(harness: Harness) -> None:
    with pytest.raises(errors.PermissionDenied) as caught:
        await call(harness, "hello", "Closed")

    assert caught.value.policy == "closed"
    refusal = await harness.first_refusal()
    assert (refusal.kind, refusal.principal) == ("permission-denied", AGENT.uri)
    assert refusal.method == f"/{SERVICE}/Closed"


async def test_another_kind_of_caller_has_no_permit(harness: Harness) -> None:
    with pytest.raises(errors.PermissionDenied) as caught:
        await call(harness, "hello", caller=Principal("soc", "1"))
    assert caught.value.policy == "no-policy-permits"


async def test_a_wrong_scope_found_by_a_handler_is_reported_too(harness: Harness) -> None:
    with pytest.raises(errors.PermissionDenied):
        await call(harness, "wrong-site")
    assert (await harness.first_refusal()).kind == "permission-denied"


async def test_bytes_that_are_no_message_are_an_invalid_argument(harness: Harness) -> None:
    channel = await harness.channel(AGENT)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await channel.unary_unary(f"/{SERVICE}/Unary")(b"\xff\xff\xff\xff")
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT


async def test_a_message_past_the_bound_is_refused_and_the_next_is_served(
    harness: Harness,
) -> None:
    channel = grpc.aio.secure_channel(
        harness.address,
        grpc.ssl_channel_credentials(
            *(lambda i: (i.authority(), i.key(), i.certificate()))(harness.pki.identity(AGENT))
        ),
    )
    async with channel:
        invoke = channel.unary_unary(f"/{SERVICE}/Unary")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await invoke(b"\x0a" + bytes(9 * 1024 * 1024), timeout=10)
        assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        await invoke(StringValue(value="small").SerializeToString(), timeout=5)


async def test_all_shapes_of_streams_pass_the_gate(harness: Harness) -> None:
    async with open_channel(harness.address, harness.pki.identity(AGENT)) as channel:
        shape = {"request_serializer": StringValue.SerializeToString,
                 "response_deserializer": StringValue.FromString}  # fmt: skip
        words = [StringValue(value="a"), StringValue(value="b")]

        out = channel.unary_stream(f"/{SERVICE}/Out", **shape)(StringValue(value="end"))
        assert [a.value.split()[1] async for a in out] == ["0", "1", "2", "end"]
        inward = channel.stream_unary(f"/{SERVICE}/In", **shape)(iter(words))
        assert (await inward).value == "a,b"
        both = channel.stream_stream(f"/{SERVICE}/Both", **shape)(iter(words))
        assert [a.value.split()[1] async for a in both] == ["a", "b"]


async def test_an_error_in_the_middle_of_a_stream_is_typed(harness: Harness) -> None:
    channel = await harness.channel(AGENT)
    shape = {"request_serializer": StringValue.SerializeToString,
             "response_deserializer": StringValue.FromString}  # fmt: skip
    both = channel.stream_stream(f"/{SERVICE}/Both", **shape)()
    await both.write(StringValue(value="first"))
    assert (await both.read()).value.endswith("first")

    await both.write(StringValue(value="full"))

    assert await both.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_garbage_in_a_stream_is_an_invalid_argument(harness: Harness) -> None:
    channel = await harness.channel(AGENT)
    both = channel.stream_stream(f"/{SERVICE}/Both")(iter([b"\xff\xff\xff"]))
    assert await both.code() == grpc.StatusCode.INVALID_ARGUMENT


async def test_a_stream_needs_a_permit_too(harness: Harness) -> None:
    channel = await harness.channel(Principal("soc", "1"))
    out = channel.unary_stream(f"/{SERVICE}/Out")(b"")
    assert await out.code() == grpc.StatusCode.PERMISSION_DENIED


async def test_two_hundred_calls_at_once_keep_their_callers(harness: Harness) -> None:
    callers = [Principal("agent", str(n), f"site-{n % 3}") for n in range(5)]
    channels = [await harness.channel(caller) for caller in callers]
    answers = await asyncio.gather(
        *(call(harness, str(n), channel=channels[n % 5]) for n in range(200))
    )
    assert answers == [f"{callers[n % 5]} {n}" for n in range(200)]
