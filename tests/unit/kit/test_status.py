"""Goal: an error survives the way over gRPC. Method: there and back for every kind."""

from typing import Any

import grpc
import pytest
from grpc_status import rpc_status
from hexi_kit import errors
from hexi_kit.rpc.status import from_rpc_error, to_status

ERRORS = [
    errors.InvalidArgument([errors.Violation("a.b", "too long"), errors.Violation("c", "missing")]),
    errors.Unauthenticated("no certificate"),
    errors.PermissionDenied("separation", "operator 1 may not call X/Y"),
    errors.NotFound("workload", "w-1"),
    errors.AlreadyExists("site", "lanzhou"),
    errors.FailedPrecondition("order is closed", "order-1"),
    errors.ResourceExhausted("too many", 2_500),
    errors.Unavailable("broker away", 300),
]


class Answered(grpc.RpcError):
    """What a client holds after a call that failed."""

    def __init__(self, status: Any, metadata: Any) -> None:
        self._status, self._metadata = status, metadata

    def code(self) -> grpc.StatusCode:
        return self._status.code

    def details(self) -> str:
        return self._status.details

    def trailing_metadata(self) -> Any:
        return self._metadata


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_error_comes_back_as_it_went(error: errors.HexiError) -> None:
    sent = rpc_status.to_status(to_status(error))

    back = from_rpc_error(Answered(sent, sent.trailing_metadata))

    assert type(back) is type(error)
    shown = {k: v for k, v in vars(back).items() if k != "reason"}
    assert shown == {k: v for k, v in vars(error).items() if k != "reason"}
    if not isinstance(error, errors.Unavailable):
        assert str(back) == str(error)


@pytest.mark.parametrize("code", list(grpc.StatusCode), ids=lambda code: code.name)
def test_a_status_without_details_is_still_read(code: grpc.StatusCode) -> None:
    sent = rpc_status.to_status(to_status(errors.HexiError("x")))

    class Bare(Answered):
        def code(self) -> grpc.StatusCode:
            return code

    assert isinstance(from_rpc_error(Bare(sent, None)), errors.HexiError)


def test_what_is_not_meant_for_callers_stays_inside() -> None:
    status = to_status(errors.HexiError("password is hunter2"))
    assert status.message == "internal error"


def test_a_handler_that_is_busy_looks_away_for_a_while() -> None:
    back = rpc_status.to_status(to_status(errors.Busy("settlement away", 700)))
    read = from_rpc_error(Answered(back, back.trailing_metadata))
    assert isinstance(read, errors.Unavailable)
    assert read.retry_after_ms == 700
