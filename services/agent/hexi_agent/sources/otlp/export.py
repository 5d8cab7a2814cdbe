"""The one verb of OTLP's metrics: judge a request and answer it, whichever door it came by."""

from __future__ import annotations

from collections.abc import Callable

from google.protobuf import json_format
from google.protobuf.message import DecodeError
from google.rpc import code_pb2, status_pb2
from hexi_kit.errors import InvalidArgument, Violation
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)

from hexi_agent.sources.http_door import Answer, Headers, NotTaken
from hexi_agent.sources.intake import Intake
from hexi_agent.sources.otlp.points import PointReader

PROTOBUF, JSON = "application/x-protobuf", "application/json"
CODES = {
    400: code_pb2.INVALID_ARGUMENT,
    401: code_pb2.UNAUTHENTICATED,
    408: code_pb2.DEADLINE_EXCEEDED,
    413: code_pb2.OUT_OF_RANGE,
    415: code_pb2.UNIMPLEMENTED,
    429: code_pb2.RESOURCE_EXHAUSTED,
    503: code_pb2.UNAVAILABLE,
}

Parse = Callable[[bytes], ExportMetricsServiceRequest]


class Exports:
    """What both doors do."""

    def __init__(self, reader: PointReader, intake: Intake) -> None:
        self._reader, self._intake = reader, intake

    def export(self, body: bytes, parse: Parse) -> ExportMetricsServiceResponse:
        """Data points that are not believed are told of; the others are taken.

        Raises:
            InvalidArgument: this is no request at all.
            ResourceExhausted, Unavailable: come back later with it.
        """
        self._intake.admit()
        told = self._reader.read(parse(body), self._intake.latest_ms)
        self._intake.offer(told.readings, told.rejected, told.reason)
        answer = ExportMetricsServiceResponse()
        if told.rejected:
            answer.partial_success.rejected_data_points = told.rejected
            answer.partial_success.error_message = told.reason
        return answer


class OtlpHttp:
    """The dialect of OTLP over HTTP; answers in the form in which it was asked."""

    def __init__(self, exports: Exports) -> None:
        self._exports = exports

    def receive(self, headers: Headers, body: bytes) -> Answer:
        match _form(headers):
            case form if form == PROTOBUF:
                answer = self._exports.export(body, parse_protobuf)
                return Answer(200, answer.SerializeToString(), PROTOBUF)
            case form if form == JSON:
                answer = self._exports.export(body, parse_json)
                return Answer(200, json_format.MessageToJson(answer).encode(), JSON)
        raise NotTaken(415, f"expected {PROTOBUF} or {JSON}")

    def refuse(self, headers: Headers, status: int, reason: str) -> Answer:
        said = status_pb2.Status(code=CODES.get(status, code_pb2.INTERNAL), message=reason)
        if _form(headers) == JSON:
            return Answer(status, json_format.MessageToJson(said).encode(), JSON)
        return Answer(status, said.SerializeToString(), PROTOBUF)


def parse_protobuf(body: bytes) -> ExportMetricsServiceRequest:
    try:
        return ExportMetricsServiceRequest.FromString(body)
    except DecodeError as error:
        raise _wrong("expected an ExportMetricsServiceRequest in protobuf") from error


def parse_json(body: bytes) -> ExportMetricsServiceRequest:
    """What a later version of OTLP has added is no reason to refuse."""
    try:
        return json_format.Parse(body, ExportMetricsServiceRequest(), ignore_unknown_fields=True)
    except (json_format.ParseError, ValueError, RecursionError) as error:
        raise _wrong(f"expected an ExportMetricsServiceRequest in JSON: {error}"[:300]) from error


def _form(headers: Headers) -> str:
    return headers.get("Content-Type", "").partition(";")[0].strip().lower()


def _wrong(reason: str) -> InvalidArgument:
    return InvalidArgument([Violation("body", reason)])
