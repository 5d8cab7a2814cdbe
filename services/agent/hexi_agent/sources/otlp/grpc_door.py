"""OTLP over gRPC: bytes come in unread, so that a flood is refused before it costs anything."""

from __future__ import annotations

from typing import Any

import grpc
from google.rpc import code_pb2
from hexi_kit.errors import HexiError
from hexi_kit.logs import get_logger
from hexi_kit.metrics import counter
from hexi_kit.rpc.status import abort_with, to_status
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)

from hexi_agent.sources.listening import ListenOptions, guard_of
from hexi_agent.sources.otlp.export import Exports, parse_protobuf

SERVICE = "opentelemetry.proto.collector.metrics.v1.MetricsService"
STOP_S = 1.0


class GrpcDoor:
    """Open once, close once; `port` is known when it is open."""

    def __init__(self, source: str, options: ListenOptions, exports: Exports) -> None:
        self._source, self._options, self._exports = source, options, exports
        self._guard = guard_of(options)
        self._server: grpc.aio.Server | None = None
        self.port = 0

    async def open(self) -> None:
        options = self._options
        server = grpc.aio.server(
            options=[
                ("grpc.max_receive_message_length", options.body_bytes_max),
                # Of a connection. More wait, where an error would make a sender forget its data.
                ("grpc.max_concurrent_streams", options.requests_at_once_max),
                ("grpc.so_reuseport", 0),
            ]
        )
        export = grpc.unary_unary_rpc_method_handler(
            self._export,
            response_serializer=ExportMetricsServiceResponse.SerializeToString,
        )
        server.add_generic_rpc_handlers(
            [grpc.method_handlers_generic_handler(SERVICE, {"Export": export})]
        )
        self.port = _bind(server, options)
        await server.start()
        self._server = server
        get_logger().info("source.listening", source=self._source, port=self.port)

    async def close(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            await server.stop(STOP_S)

    async def _export(
        self, body: bytes, context: grpc.aio.ServicerContext[Any, Any]
    ) -> ExportMetricsServiceResponse:
        try:
            told = dict(context.invocation_metadata() or ())
            self._guard(str(told.get("authorization", "")))
            return self._exports.export(body, parse_protobuf)
        except HexiError as error:
            code = code_pb2.Code.Name(to_status(error).code)
            counter("agent.pushes_refused").add(1, {"source": self._source, "status": code})
            await abort_with(context, error)


def _bind(server: grpc.aio.Server, options: ListenOptions) -> int:
    tls = options.tls
    if tls is None:
        return server.add_insecure_port(options.listen)
    authority = tls.client_authority
    credentials = grpc.ssl_server_credentials(
        [(tls.private_key.read_bytes(), tls.certificate.read_bytes())],
        authority.read_bytes() if authority is not None else None,
        require_client_auth=authority is not None,
    )
    return server.add_secure_port(options.listen, credentials)
