"""Tells whether the process is ready, in the standard gRPC health protocol."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
from grpc_health.v1 import health_pb2

from hexi_kit.errors import NotFound
from hexi_kit.health import Readiness


class HealthServicer:
    """The whole process is one answer: ready or not."""

    def __init__(self, readiness: Readiness, services: frozenset[str]) -> None:
        self._readiness = readiness
        self._services = services

    async def Check(  # noqa: N802 - the protocol's name
        self,
        request: health_pb2.HealthCheckRequest,
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> health_pb2.HealthCheckResponse:
        if request.service and request.service not in self._services:
            raise NotFound("service", request.service[:120])
        return self._answer()

    async def List(  # noqa: N802 - the protocol's name
        self,
        request: health_pb2.HealthListRequest,
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> health_pb2.HealthListResponse:
        return health_pb2.HealthListResponse(
            statuses={name: self._answer() for name in sorted({"", *self._services})}
        )

    async def Watch(  # noqa: N802 - the protocol's name
        self,
        request: health_pb2.HealthCheckRequest,
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> AsyncIterator[health_pb2.HealthCheckResponse]:
        while True:
            yield self._answer()
            await self._readiness.changed()

    def _answer(self) -> health_pb2.HealthCheckResponse:
        kinds = health_pb2.HealthCheckResponse
        return kinds(status=kinds.SERVING if self._readiness else kinds.NOT_SERVING)
