"""Holds at settlement, over gRPC."""

from __future__ import annotations

import grpc
from hexi.settlement.v1 import settlement_pb2
from hexi.settlement.v1 import settlement_service_pb2 as pb
from hexi.settlement.v1 import settlement_service_pb2_grpc as stubs
from hexi_kit.errors import HexiError, Unavailable
from hexi_kit.ids import derive
from hexi_kit.rpc.status import from_rpc_error

from hexi_marketplace.ports import Hold

# Well below the sweep's patience.
CALL_TIMEOUT_S = 10.0


class SettlementHolds:
    """Keys are derived from the order, so that the same order always means the same hold."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub: stubs.SettlementServiceAsyncStub = stubs.SettlementServiceStub(channel)

    async def place(self, order_id: str, account: str, amount_fen: int) -> Hold:
        request = pb.PlaceHoldRequest(
            idempotency_key=derive("hold", order_id),
            account_id=account,
            amount_fen=amount_fen,
            subject=order_id,
        )
        try:
            answer = await self._stub.PlaceHold(request, timeout=CALL_TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            raise _ours(error) from error
        placed = answer.hold.state == settlement_pb2.HOLD_STATE_PLACED
        return Hold(answer.hold.hold_id, answer.hold.amount_fen, placed)

    async def release(self, order_id: str, hold_id: str) -> None:
        request = pb.ReleaseHoldRequest(
            idempotency_key=derive("release", order_id), hold_id=hold_id
        )
        try:
            await self._stub.ReleaseHold(request, timeout=CALL_TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            raise _ours(error) from error


def _ours(error: grpc.aio.AioRpcError) -> HexiError:
    """What settlement says of the account is for the trader; what it says of us is not."""
    told = (
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.ALREADY_EXISTS,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
    )
    if error.code() in told:
        return from_rpc_error(error)
    return Unavailable(f"settlement: {error.code().name}: {error.details()}")
