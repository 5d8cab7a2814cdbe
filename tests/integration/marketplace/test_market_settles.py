"""Goal: a trade is paid for out of its hold and the rest comes back, with both services real.

Method: marketplace and settlement as processes on one broker and one database.
"""

from __future__ import annotations

from contextlib import asynccontextmanager

import grpc
import pytest
from hexi.marketplace.v1 import marketplace_pb2 as pb
from hexi.marketplace.v1 import marketplace_service_pb2 as market
from hexi.settlement.v1 import settlement_pb2
from hexi.settlement.v1 import settlement_service_pb2 as settlement
from hexi.settlement.v1 import settlement_service_pb2_grpc as settlement_stubs
from hexi_contracts import topics
from hexi_kit.clock import SystemClock
from hexi_kit.errors import FailedPrecondition
from hexi_kit.identity import Principal
from hexi_kit.ids import random_id
from hexi_kit.kafka.admin import ensure_topics
from hexi_kit.kafka.codec import decode
from hexi_kit.rpc.channel import open_channel
from hexi_kit.rpc.status import from_rpc_error
from hexi_local.network import free_ports
from hexi_local.testing import Ground
from hexi_marketplace.domain.product import SLOT_MS, first_open_slot_ms, product_of

pytestmark = pytest.mark.integration

OPERATOR = Principal("operator", "duty")


@asynccontextmanager
async def settlement_process(world, dsn: str):
    address = f"127.0.0.1:{free_ports(1)[0]}"
    world.pki.service("settlement")
    ground = Ground(world.kafka, world.pki, world.logs, dsn)
    service = ground.service("settlement", "hexi_settlement.main", address)
    await service.start()
    try:
        async with open_channel(address, world.pki.identity(OPERATOR)) as channel:
            yield address, settlement_stubs.SettlementServiceStub(channel)
    finally:
        await service.stop()


async def open_account(desk, account: str, deposit_fen: int) -> None:
    await desk.OpenAccount(
        settlement.OpenAccountRequest(
            idempotency_key=random_id(),
            account_id=account,
            kind=settlement_pb2.ACCOUNT_KIND_CUSTOMER,
            owner=account,
        )
    )
    await desk.Deposit(
        settlement.DepositRequest(
            idempotency_key=random_id(), account_id=account, amount_fen=deposit_fen
        )
    )


async def test_a_trade_is_paid_out_of_its_hold(world, postgres, database: str) -> None:
    await ensure_topics(world.kafka.bootstrap, world.kafka.supervisor, topics.ALL)
    start_ms = first_open_slot_ms(SystemClock().now_ms()) + 4 * SLOT_MS
    name = product_of("general", "B", world.site, start_ms).product_id
    account = f"buyer-{world.site}"

    def order(who: str, side: int, price: int, units: int) -> market.PlaceOrderRequest:
        return market.PlaceOrderRequest(
            idempotency_key=random_id(),
            account=who,
            tenant_id="tenant-1",
            product_id=name,
            side=side,
            price_micro_yuan=price,
            units=units,
            time_in_force=pb.TIME_IN_FORCE_GOOD_TILL_CANCELLED,
        )

    async with settlement_process(world, postgres.dsn("settlement", database)) as (at, desk):
        await open_account(desk, account, 1_000)
        service = await world.start("marketplace", HEXI_SETTLEMENT_ADDRESS=at)
        seller = world.stub(service, Principal("trader", "main", "seller"))
        buyer = world.stub(service, Principal("trader", "main", account))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await buyer.PlaceOrder(order(account, pb.SIDE_BUY, 100_100, 100))
        assert isinstance(from_rpc_error(caught.value), FailedPrecondition)

        await seller.PlaceOrder(order("seller", pb.SIDE_SELL, 80_000, 10))
        bid = await buyer.PlaceOrder(order(account, pb.SIDE_BUY, 100_000, 15))
        await buyer.CancelOrder(
            market.CancelOrderRequest(idempotency_key=random_id(), order_id=bid.order_id)
        )

        def released(seen) -> bool:
            transfers = [decode(topics.SETTLEMENT_TRANSFER, record) for record in seen]
            return any(
                one.code == settlement_pb2.TRANSFER_CODE_HOLD_RELEASED
                and one.credit_account == account
                for one in transfers
            )

        await world.until(topics.SETTLEMENT_TRANSFER, released)
        found = (await desk.GetAccount(settlement.GetAccountRequest(account_id=account))).account
        # 10 units at 8 fen were traded; 150 fen had been held.
        assert (found.credits_fen - found.debits_fen, found.held_fen) == (920, 0)
        balance = await desk.GetTrialBalance(settlement.GetTrialBalanceRequest())
        assert balance.debits_fen == balance.credits_fen
