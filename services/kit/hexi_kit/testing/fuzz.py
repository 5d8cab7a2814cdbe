"""Arbitrary requests for every method of a service, built from its descriptor.

A service is sound when no message, however odd, makes it answer UNKNOWN or INTERNAL. `assault`
sends them; `messages` gives the same ones to hypothesis, which also shrinks them.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import grpc
from google.protobuf.descriptor import Descriptor, MethodDescriptor, ServiceDescriptor
from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import strategies as st

from hexi_kit.ids import seeded
from hexi_kit.testing.values import arbitrary

_BUGS = frozenset({grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL})
_OWN_FAILURE = "Internal error from Core"
_UNARY_TIMEOUT_S = 10.0
_STREAM_TIMEOUT_S = 0.1
_ANSWERS_READ_MAX = 20

Hints = Mapping[str, Sequence[Any]]


@dataclass(frozen=True)
class Attack:
    """`hints` names values worth trying for a field (`{"site_id": ["lanzhou"]}`)."""

    count: int = 1_000
    seed: int = 1
    hints: Hints = field(default_factory=dict)
    skip: frozenset[str] = frozenset()
    at_once: int = 16


def messages(descriptor: Descriptor, hints: Hints | None = None) -> st.SearchStrategy[Message]:
    """All messages of this type, ordinary and extreme."""
    return st.randoms(use_true_random=False).map(lambda dice: arbitrary(descriptor, dice, hints))


async def assault(
    channel: grpc.aio.Channel, service: ServiceDescriptor, attack: Attack | None = None
) -> dict[str, dict[str, int]]:
    """Send `count` arbitrary messages to every method; answers how often each status came."""
    plan = attack or Attack()
    return {
        method.name: await _assault_method(channel, method, plan)
        for method in service.methods
        if method.name not in plan.skip
    }


async def _assault_method(
    channel: grpc.aio.Channel, method: MethodDescriptor, plan: Attack
) -> dict[str, int]:
    dice = seeded(plan.seed)
    statuses: dict[str, int] = {}
    left = plan.count
    while left > 0:
        wave = min(left, plan.at_once)
        sent = [_requests(method, dice, plan.hints) for _ in range(wave)]
        for request, code in zip(
            sent, await asyncio.gather(*(_send(channel, method, s) for s in sent)), strict=True
        ):
            statuses[code.name] = statuses.get(code.name, 0) + 1
            if code in _BUGS:
                shown = "\n".join(MessageToJson(m) for m in request)[:2_000]
                raise AssertionError(f"{method.full_name} answered {code.name} to {shown}")
        left -= wave
    return statuses


def _requests(method: MethodDescriptor, dice: Random, hints: Hints) -> list[Message]:
    count = dice.randint(0, 3) if method.client_streaming else 1
    return [arbitrary(method.input_type, dice, hints) for _ in range(count)]


async def _send(
    channel: grpc.aio.Channel, method: MethodDescriptor, requests: Sequence[Message]
) -> grpc.StatusCode:
    path = f"/{method.containing_service.full_name}/{method.name}"
    parse = GetMessageClass(method.output_type).FromString
    shape = "{}_{}".format(
        "stream" if method.client_streaming else "unary",
        "stream" if method.server_streaming else "unary",
    )
    open_call: Any = getattr(channel, shape)(
        path,
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=parse,
    )
    argument = _stream(requests) if method.client_streaming else requests[0]
    timeout_s = _STREAM_TIMEOUT_S if method.server_streaming else _UNARY_TIMEOUT_S
    call = open_call(argument, timeout=timeout_s)
    try:
        if not method.server_streaming:
            await call
            return grpc.StatusCode.OK
        read = 0
        async for _ in call:
            read += 1
            if read >= _ANSWERS_READ_MAX:
                call.cancel()
                break
    except asyncio.CancelledError:
        pass
    except grpc.aio.AioRpcError as error:
        # Writing on after the server has ended the call fails on this side, in its own words.
        return grpc.StatusCode.CANCELLED if error.details() == _OWN_FAILURE else error.code()
    return grpc.StatusCode.OK


async def _stream(requests: Sequence[Message]) -> AsyncIterator[Message]:
    for request in requests:
        yield request
