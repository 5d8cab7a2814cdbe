"""Takes what OpenTelemetry's senders push, by gRPC and by HTTP."""

from __future__ import annotations

from hexi_kit.clock import Clock

from hexi_agent.sources.http_door import HttpDoor
from hexi_agent.sources.intake import Intake
from hexi_agent.sources.otlp.export import Exports, OtlpHttp
from hexi_agent.sources.otlp.grpc_door import GrpcDoor
from hexi_agent.sources.otlp.options import OtlpOptions
from hexi_agent.sources.otlp.points import PointReader
from hexi_agent.sources.pushed import PushedSource

PATH = "/v1/metrics"


class OtlpSource(PushedSource):
    """`grpc_port` and `http_port` are known when it is open; 0 where there is no such door."""

    def __init__(self, options: OtlpOptions, clock: Clock) -> None:
        name, grpc, http = options.name, options.grpc, options.http
        intake = Intake(name, clock, options.readings_per_s_max)
        exports = Exports(PointReader(name, options.server_attributes), intake)
        self._grpc = GrpcDoor(name, grpc, exports) if grpc is not None else None
        self._http = HttpDoor(name, http, {PATH: OtlpHttp(exports)}) if http is not None else None
        super().__init__(name, intake, [one for one in (self._grpc, self._http) if one is not None])

    @property
    def grpc_port(self) -> int:
        return self._grpc.port if self._grpc is not None else 0

    @property
    def http_port(self) -> int:
        return self._http.port if self._http is not None else 0


def make(options: OtlpOptions, clock: Clock) -> OtlpSource:
    """What the agent's registry of sources calls."""
    return OtlpSource(options, clock)
