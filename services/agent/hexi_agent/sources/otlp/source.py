"""Takes what OpenTelemetry's senders push, by gRPC and by HTTP."""

from __future__ import annotations

import asyncio

from hexi_kit.clock import Clock

from hexi_agent.sources.http_door import HttpDoor
from hexi_agent.sources.intake import Intake
from hexi_agent.sources.otlp.export import Exports, OtlpHttp
from hexi_agent.sources.otlp.grpc_door import GrpcDoor
from hexi_agent.sources.otlp.options import OtlpOptions
from hexi_agent.sources.otlp.points import PointReader
from hexi_agent.sources.raw import Take

PATH = "/v1/metrics"


class OtlpSource:
    """`grpc_port` and `http_port` are known when it is open; 0 where there is no such door."""

    def __init__(self, options: OtlpOptions, clock: Clock) -> None:
        self.name = name = options.name
        self._intake = Intake(name, clock, options.readings_per_s_max)
        exports = Exports(PointReader(name, options.server_attributes), self._intake)
        self._grpc = GrpcDoor(name, options.grpc, exports) if options.grpc is not None else None
        self._http = (
            HttpDoor(name, options.http, {PATH: OtlpHttp(exports)})
            if options.http is not None
            else None
        )

    @property
    def grpc_port(self) -> int:
        return self._grpc.port if self._grpc is not None else 0

    @property
    def http_port(self) -> int:
        return self._http.port if self._http is not None else 0

    async def run(self, take: Take) -> None:
        try:
            await self.open(take)
            await asyncio.get_running_loop().create_future()
        finally:
            await self.close()

    async def open(self, take: Take) -> None:
        self._intake.connect(take)
        for door in (self._grpc, self._http):
            if door is not None:
                await door.open()

    async def close(self) -> None:
        for door in (self._grpc, self._http):
            if door is not None:
                await door.close()


def make(options: OtlpOptions, clock: Clock) -> OtlpSource:
    """What the agent's registry of sources calls."""
    return OtlpSource(options, clock)
