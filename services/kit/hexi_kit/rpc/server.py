"""The gRPC server of every service: mutual TLS, one gate, health, bounds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc
from grpc_health.v1 import health_pb2_grpc

from hexi_kit.clock import Clock, SystemClock
from hexi_kit.health import Readiness
from hexi_kit.identity.authorize import Authorizer
from hexi_kit.identity.identity import Identity
from hexi_kit.logs import get_logger
from hexi_kit.rpc.gate import Gate, GateKeeper
from hexi_kit.rpc.health import HealthServicer
from hexi_kit.rpc.limits import CALLS_AT_ONCE_MAX, MESSAGE_BYTES_MAX, METADATA_BYTES_MAX
from hexi_kit.rpc.peer import Peers
from hexi_kit.rpc.refusals import OnRefused, Refusals
from hexi_kit.rpc.turnstile import Turnstile

_STOP_GRACE_S = 2.0

# `(add_XServicer_to_server, servicer)`, as the generated code has it.
Registration = tuple[Callable[[Any, Any], None], object]


@dataclass(frozen=True)
class RpcOptions:
    """`clock` dates refusals; certificates go by real time whatever it says."""

    listen: str
    identity: Identity
    service_name: str
    clock: Clock
    authorizer: Authorizer
    on_refused: OnRefused | None = None
    readiness: Readiness = field(default_factory=lambda: Readiness(ready=True))


class RpcServer:
    """Start once, stop once; `port` is known after start."""

    def __init__(self, options: RpcOptions, registrations: Sequence[Registration]) -> None:
        self._options = options
        self._registrations = registrations
        self._refusals = Refusals(options.on_refused, options.clock)
        self._server: grpc.aio.Server | None = None
        self._turnstile: Turnstile | None = None
        self.port = 0
        self.inner_port = 0

    async def start(self) -> None:
        options = self._options
        turnstile = Turnstile(options.identity, self._refusals)
        host, _, port = options.listen.rpartition(":")
        self.port = turnstile.open(host.strip("[]"), int(port))
        peers = Peers(turnstile)
        keeper = GateKeeper(peers, options.authorizer, self._refusals, SystemClock())
        server = grpc.aio.server(
            interceptors=[Gate(keeper)],
            maximum_concurrent_rpcs=CALLS_AT_ONCE_MAX,
            options=[
                ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
                ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
                ("grpc.max_metadata_size", METADATA_BYTES_MAX),
                ("grpc.so_reuseport", 0),
                ("grpc.keepalive_time_ms", 30_000),
                ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
            ],
        )
        register = _Register(server)
        for add, servicer in self._registrations:
            add(servicer, register)
        health = HealthServicer(options.readiness, frozenset(register.services))
        health_pb2_grpc.add_HealthServicer_to_server(health, server)
        # Plain, but only connections of the turnstile have a name here; others are refused.
        self.inner_port = server.add_insecure_port("127.0.0.1:0")
        self._refusals.start()
        await server.start()
        turnstile.start(self.inner_port)
        self._server, self._turnstile = server, turnstile
        get_logger().info("rpc.listening", rpc=options.service_name, port=self.port)

    async def stop(self) -> None:
        if self._server is not None and self._turnstile is not None:
            await self._turnstile.close_door()
            await self._server.stop(_STOP_GRACE_S)
            await self._turnstile.stop()
        await self._refusals.stop()


class _Register:
    """Hands registrations on to the server and keeps the names."""

    def __init__(self, server: Any) -> None:  # Any: the stubs lack registered handlers
        self._server = server
        self.services: list[str] = []

    def add_generic_rpc_handlers(self, handlers: Sequence[Any]) -> None:
        self._server.add_generic_rpc_handlers(handlers)

    def add_registered_method_handlers(self, service: str, handlers: dict[str, Any]) -> None:
        self.services.append(service)
        self._server.add_registered_method_handlers(service, handlers)
