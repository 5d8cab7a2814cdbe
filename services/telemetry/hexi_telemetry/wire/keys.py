"""Reads key statements, strictly, and tells of those that were taken."""

from __future__ import annotations

from google.protobuf.message import DecodeError
from hexi.telemetry.v1 import telemetry_pb2
from hexi_contracts.topics import TELEMETRY_KEY
from hexi_kit.ids import derive
from hexi_kit.kafka.record import Outgoing
from hexi_kit.keys import Algorithm, PublicKey

from hexi_telemetry.domain.frame import Reason, Refusal
from hexi_telemetry.domain.keys import StatedKey, Statement
from hexi_telemetry.domain.stream import NUMBER_MAX, StreamKey

STATEMENT_BYTES_MAX = 1_024


def read_statement(
    signed: telemetry_pb2.SignedKeyStatement, stream: StreamKey, certificate: PublicKey
) -> Statement | Refusal:
    """The key of a statement that `certificate`, the agent's own, has signed for this stream."""
    data = signed.statement
    if len(data) > STATEMENT_BYTES_MAX:
        detail = f"expected at most {STATEMENT_BYTES_MAX} bytes, was {len(data)}"
        return Refusal(Reason.TOO_LARGE, f"stated key: {detail}")
    if not certificate.has_signed(data, signed.signature):
        detail = "the signature does not fit the statement and the certificate"
        return Refusal(Reason.SIGNATURE, f"stated key: {detail}")
    message = telemetry_pb2.KeyStatement()
    try:
        message.ParseFromString(data)
        key = _stated(message, certificate.key_id)
    except (DecodeError, ValueError) as error:
        return Refusal(Reason.MALFORMED, f"stated key: {error}")
    if (message.site_id, message.agent_id) != (stream.site_id, stream.agent_id):
        was = f"{message.site_id[:64]}/{message.agent_id[:64]}"
        expected = f"{stream.site_id}/{stream.agent_id}"
        return Refusal(Reason.WRONG_SITE, f"stated key: expected {expected}, was {was}")
    if message.epoch != stream.epoch:
        detail = f"expected epoch {stream.epoch}, was {message.epoch}"
        return Refusal(Reason.REPLAYED, f"stated key: {detail}")
    return Statement(key, signed.SerializeToString(deterministic=True))


def public_key(key: StatedKey) -> PublicKey:
    """What verifies its signatures."""
    return PublicKey.load(Algorithm(key.algorithm), key.public_key)


def key_event(stream: StreamKey, statement: Statement, traceparent: str = "") -> Outgoing:
    """The record of a stated key: the signed bytes as they came."""
    key = statement.key
    event_id = derive("key", *stream, key.from_sequence, key.key_id, key.certificate_id)
    return Outgoing(
        TELEMETRY_KEY, stream.site_id, statement.payload, event_id, traceparent=traceparent
    )


def _stated(message: telemetry_pb2.KeyStatement, certificate_id: str) -> StatedKey:
    for name, low in (("from_sequence", 1), ("stated_at_ms", 0)):
        value = getattr(message, name)
        if not low <= value <= NUMBER_MAX:
            raise ValueError(f"{name}: expected {low} to 2^63, was {value}")
    try:
        algorithm = Algorithm(message.algorithm)
    except ValueError as error:
        raise ValueError(f"expected a known algorithm, was {message.algorithm}") from error
    return StatedKey(
        PublicKey.load(algorithm, message.public_key).key_id,
        algorithm.value,
        message.public_key,
        message.from_sequence,
        message.stated_at_ms,
        certificate_id,
    )
