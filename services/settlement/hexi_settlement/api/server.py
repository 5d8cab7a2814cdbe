"""The gRPC server with the ledger's servicer behind the gate."""

from __future__ import annotations

from hexi.settlement.v1 import settlement_service_pb2_grpc as generated
from hexi_kit.identity.authorize import Authorizer
from hexi_kit.kafka.ports import Publisher
from hexi_kit.process import Process
from hexi_kit.refusal_events import tell_refusals
from hexi_kit.rpc.server import RpcOptions, RpcServer

from hexi_settlement.api.servicer import SettlementServicer


def server(
    process: Process, listen: str, publisher: Publisher, servicer: SettlementServicer
) -> RpcServer:
    """Refused callers become security events."""
    options = RpcOptions(
        listen,
        process.identity,
        process.name,
        process.clock,
        Authorizer(),
        tell_refusals(publisher, process.name),
        process.lifecycle.readiness,
    )
    return RpcServer(options, [(generated.add_SettlementServiceServicer_to_server, servicer)])
