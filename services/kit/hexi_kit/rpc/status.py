"""Our errors as gRPC statuses with typed details, and back."""

from typing import Any, NoReturn, TypeVar

import grpc
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from hexi_kit import errors

DOMAIN = "hexi"
_MESSAGE_CHARS_MAX = 1_000
_DETAILS_KEY = "grpc-status-details-bin"

Detail = TypeVar("Detail", bound=Message)


def to_status(error: errors.HexiError) -> status_pb2.Status:
    """The status a caller sees; what has no place in a status is INTERNAL."""
    match error:
        case errors.InvalidArgument(violations=violations):
            fields = [
                error_details_pb2.BadRequest.FieldViolation(field=v.field, description=v.reason)
                for v in violations
            ]
            detail: Message = error_details_pb2.BadRequest(field_violations=fields)
            return _status(code_pb2.INVALID_ARGUMENT, error, detail)
        case errors.Unauthenticated():
            return _status(code_pb2.UNAUTHENTICATED, error, _info("UNAUTHENTICATED"))
        case errors.PermissionDenied(policy=policy):
            return _status(code_pb2.PERMISSION_DENIED, error, _info("POLICY", policy=policy))
        case errors.NotFound(kind=kind, id=id_):
            return _status(code_pb2.NOT_FOUND, error, _resource(kind, id_))
        case errors.AlreadyExists(kind=kind, id=id_):
            return _status(code_pb2.ALREADY_EXISTS, error, _resource(kind, id_))
        case errors.FailedPrecondition(reason=reason, subject=subject):
            violation = error_details_pb2.PreconditionFailure.Violation(
                type="STATE", subject=subject, description=reason[:_MESSAGE_CHARS_MAX]
            )
            failure = error_details_pb2.PreconditionFailure(violations=[violation])
            return _status(code_pb2.FAILED_PRECONDITION, error, failure)
        case errors.ResourceExhausted(retry_after_ms=after_ms):
            return _status(code_pb2.RESOURCE_EXHAUSTED, error, _retry(after_ms))
        case errors.Unavailable(retry_after_ms=after_ms) | errors.Busy(retry_after_ms=after_ms):
            return _status(code_pb2.UNAVAILABLE, error, _retry(after_ms))
        case _:
            return status_pb2.Status(code=code_pb2.INTERNAL, message="internal error")


async def abort_with(context: grpc.aio.ServicerContext[Any, Any], error: Exception) -> NoReturn:
    """End this call with the status of the error; what is not ours says nothing of itself."""
    ours = error if isinstance(error, errors.HexiError) else errors.HexiError()
    status = rpc_status.to_status(to_status(ours))
    await context.abort(status.code, status.details, status.trailing_metadata)


def from_rpc_error(error: grpc.RpcError) -> errors.HexiError:
    """What the peer meant; without readable details the code alone decides."""
    code: grpc.StatusCode = error.code()
    text: str = error.details() or code.name
    status = _read_status(error)
    match code:
        case grpc.StatusCode.INVALID_ARGUMENT:
            bad = _detail(status, error_details_pb2.BadRequest)
            return errors.InvalidArgument(
                [errors.Violation(v.field, v.description) for v in bad.field_violations]
                or [errors.Violation("", text)]
            )
        case grpc.StatusCode.UNAUTHENTICATED:
            return errors.Unauthenticated(text)
        case grpc.StatusCode.PERMISSION_DENIED:
            policy = _detail(status, error_details_pb2.ErrorInfo).metadata.get("policy", "")
            return errors.PermissionDenied(policy, text.removesuffix(f" (policy {policy})"))
        case grpc.StatusCode.NOT_FOUND:
            found = _detail(status, error_details_pb2.ResourceInfo)
            return errors.NotFound(found.resource_type, found.resource_name)
        case grpc.StatusCode.ALREADY_EXISTS:
            found = _detail(status, error_details_pb2.ResourceInfo)
            return errors.AlreadyExists(found.resource_type, found.resource_name)
        case grpc.StatusCode.FAILED_PRECONDITION:
            failure = _detail(status, error_details_pb2.PreconditionFailure)
            subject = failure.violations[0].subject if failure.violations else ""
            return errors.FailedPrecondition(text, subject)
        case grpc.StatusCode.RESOURCE_EXHAUSTED:
            return errors.ResourceExhausted(text, _retry_after_ms(status))
        case grpc.StatusCode.UNAVAILABLE | grpc.StatusCode.DEADLINE_EXCEEDED:
            return errors.Unavailable(f"{code.name}: {text}", _retry_after_ms(status))
        case _:
            return errors.HexiError(f"{code.name}: {text}")


def _status(code: int, error: errors.HexiError, detail: Message) -> status_pb2.Status:
    status = status_pb2.Status(code=code, message=str(error)[:_MESSAGE_CHARS_MAX])
    status.details.add().Pack(detail)
    return status


def _info(reason: str, **metadata: str) -> error_details_pb2.ErrorInfo:
    return error_details_pb2.ErrorInfo(reason=reason, domain=DOMAIN, metadata=metadata)


def _resource(kind: str, id_: str) -> error_details_pb2.ResourceInfo:
    return error_details_pb2.ResourceInfo(resource_type=kind, resource_name=id_)


def _retry(after_ms: int) -> error_details_pb2.RetryInfo:
    info = error_details_pb2.RetryInfo()
    info.retry_delay.FromMilliseconds(after_ms)
    return info


def _read_status(error: grpc.RpcError) -> status_pb2.Status:
    metadata: Any = error.trailing_metadata()
    for key, value in metadata or ():
        if key == _DETAILS_KEY:
            return status_pb2.Status.FromString(value)
    return status_pb2.Status()


def _detail(status: status_pb2.Status, kind: type[Detail]) -> Detail:
    found = kind()
    for packed in status.details:
        if packed.Unpack(found):
            break
    return found


def _retry_after_ms(status: status_pb2.Status) -> int:
    delay = _detail(status, error_details_pb2.RetryInfo).retry_delay
    return delay.ToMilliseconds() or 1_000
