"""The traders' server and the channel to settlement."""

from __future__ import annotations

import grpc
from hexi.marketplace.v1 import marketplace_service_pb2_grpc as stubs
from hexi_kit.identity.authorize import Authorizer
from hexi_kit.kafka.ports import Publisher
from hexi_kit.process import Process
from hexi_kit.refusal_events import tell_refusals
from hexi_kit.rpc.channel import open_channel
from hexi_kit.rpc.server import RpcOptions, RpcServer

from hexi_marketplace.api.servicer import MarketplaceServicer, ServicerParts
from hexi_marketplace.api.settlement import SettlementHolds

NAME = "marketplace"


class HoldsChannel:
    """A channel opened with the process, inside its loop, and closed with it."""

    def __init__(self, process: Process, settlement_address: str) -> None:
        self._channel: grpc.aio.Channel = open_channel(settlement_address, process.identity)
        self.holds = SettlementHolds(self._channel)
        process.lifecycle.add("settlement channel", stop=lambda: self._channel.close(None))


def hang_api(process: Process, listen: str, parts: ServicerParts, publisher: Publisher) -> None:
    """Add the server last: whoever reaches it finds the market in memory."""
    options = RpcOptions(
        listen,
        process.identity,
        NAME,
        process.clock,
        Authorizer(),
        on_refused=tell_refusals(publisher, NAME),
        readiness=process.lifecycle.readiness,
    )
    servicer = MarketplaceServicer(parts)
    server = RpcServer(options, [(stubs.add_MarketplaceServiceServicer_to_server, servicer)])
    process.lifecycle.add("rpc", server.start, server.stop)
