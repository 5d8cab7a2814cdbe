"""Goal: no message, however odd, breaks the door or moves money when refused.

Method: a thousand arbitrary messages for each method, over real mutual TLS, for each kind of
caller that has a door; and callers that have none.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import grpc
import pytest
from hexi.settlement.v1 import settlement_pb2 as pb
from hexi.settlement.v1 import settlement_service_pb2 as rpc
from hexi.settlement.v1 import settlement_service_pb2_grpc as stubs
from hexi_kit.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from hexi_kit.identity import Principal
from hexi_kit.rpc.status import from_rpc_error
from hexi_kit.testing.clock import ManualClock
from hexi_kit.testing.fuzz import Attack, assault
from hexi_kit.testing.pki import Pki
from hexi_kit.testing.rpc import Harness, serve
from hexi_settlement.api.servicer import SettlementServicer
from hexi_settlement.domain.account import MAY_OWE
from hexi_settlement.handlers.write import Writer
from hexi_settlement.settings import load_rules
from hexi_settlement.store.memory import MemoryLedger

SERVICE = rpc.DESCRIPTOR.services_by_name["SettlementService"]
OPERATOR = Principal("operator", "desk")
MARKET = Principal("service", "marketplace")
TEAM = Principal("tenant", "user", "team")
TRADER = Principal("trader", "user", "desk-a")
HINTS = {
    "account_id": ["team", "desk-a", "platform:cash", "hold:desk-a"],
    "tenant_id": ["team", "lab"],
    "kind": [1, 2],
    "owner": ["team", "desk-a"],
    "idempotency_key": ["k1", "k2"],
    "amount_fen": [1, 100],
    "month": ["2026-11"],
    "page_token": ["", "3"],
    "page_size": [0, 2],
    "subject": ["order"],
}


@dataclass
class Door:
    harness: Harness
    ledger: MemoryLedger

    async def stub(self, caller: Principal) -> stubs.SettlementServiceStub:
        return stubs.SettlementServiceStub(await self.harness.channel(caller))


@pytest.fixture
async def door(tmp_path) -> AsyncIterator[Door]:
    ledger = MemoryLedger()
    writer = Writer(ledger, ManualClock(1_795_000_000_000), load_rules())
    running = asyncio.create_task(writer.run())
    servicer = SettlementServicer(writer, ledger)
    registration = (stubs.add_SettlementServiceServicer_to_server, servicer)
    async with serve([registration], Pki(tmp_path)) as harness:
        yield Door(harness, ledger)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def opened(door: Door) -> stubs.SettlementServiceStub:
    desk = await door.stub(OPERATOR)
    for account in ("team", "desk-a"):
        await desk.OpenAccount(
            rpc.OpenAccountRequest(
                idempotency_key="k",
                account_id=account,
                kind=pb.ACCOUNT_KIND_CUSTOMER,
                owner=account,
            )
        )
        await desk.Deposit(
            rpc.DepositRequest(idempotency_key="k", account_id=account, amount_fen=10_000)
        )
    return desk


@pytest.mark.parametrize("caller", [OPERATOR, MARKET, TEAM, TRADER], ids=lambda c: c.kind)
async def test_a_thousand_odd_messages_for_each_method(door: Door, caller: Principal) -> None:
    await opened(door)

    statuses = await assault(await door.harness.channel(caller), SERVICE, Attack(hints=HINTS))

    assert set(statuses) == {method.name for method in SERVICE.methods}
    assert all(sum(counts.values()) == 1_000 for counts in statuses.values())
    accounts = door.ledger.all.accounts.values()
    assert sum(a.debits_fen for a in accounts) == sum(a.credits_fen for a in accounts)
    assert all(a.kind in MAY_OWE or a.balance_fen >= 0 for a in accounts)


async def refused(call: object) -> Exception:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return from_rpc_error(caught.value)


async def test_whose_account_it_is_decides(door: Door) -> None:
    await opened(door)
    team, trader = await door.stub(TEAM), await door.stub(TRADER)

    own = await team.GetAccount(rpc.GetAccountRequest(account_id="team"))
    assert own.account.credits_fen - own.account.debits_fen == 10_000
    assert await trader.ListTransfers(rpc.ListTransfersRequest(account_id="desk-a"))
    for stub, other in ((team, "desk-a"), (team, "nobody"), (trader, "team")):
        error = await refused(stub.GetAccount(rpc.GetAccountRequest(account_id=other)))
        assert "policy settlement-own-account" in str(error)
        error = await refused(stub.ListTransfers(rpc.ListTransfersRequest(account_id=other)))
        assert "policy settlement-own-account" in str(error)
    error = await refused(team.GetInvoice(rpc.GetInvoiceRequest(tenant_id="lab", month="2026-11")))
    assert "policy settlement-own-invoice" in str(error)
    reported = {refusal.method.rpartition("/")[2] for refusal in door.harness.refusals}
    assert reported == {"GetAccount", "ListTransfers", "GetInvoice"}


async def test_only_the_marketplace_holds_and_only_operators_pay_in(door: Door) -> None:
    desk = await opened(door)
    hold = rpc.PlaceHoldRequest(
        idempotency_key="o1", account_id="desk-a", amount_fen=100, subject="o1"
    )
    deposit = rpc.DepositRequest(idempotency_key="o1", account_id="desk-a", amount_fen=100)

    for stub in (desk, await door.stub(TRADER)):
        assert "may not call" in str(await refused(stub.PlaceHold(hold)))
    market = await door.stub(MARKET)
    assert "may not call" in str(await refused(market.Deposit(deposit)))

    first, again = await market.PlaceHold(hold), await market.PlaceHold(hold)
    assert first == again
    found = (await desk.GetAccount(rpc.GetAccountRequest(account_id="desk-a"))).account
    assert (found.credits_fen - found.debits_fen, found.held_fen) == (9_900, 100)


async def test_errors_name_what_is_wrong(door: Door) -> None:
    desk, market = await opened(door), await door.stub(MARKET)

    error = await refused(desk.OpenAccount(rpc.OpenAccountRequest(account_id="a:b")))
    assert isinstance(error, InvalidArgument)
    assert {v.field for v in error.violations} == {
        "idempotency_key",
        "account_id",
        "kind",
        "owner",
    }
    hold = rpc.PlaceHoldRequest(
        idempotency_key="k", account_id="desk-a", amount_fen=10_001, subject="o"
    )
    assert isinstance(await refused(market.PlaceHold(hold)), FailedPrecondition)
    release = rpc.ReleaseHoldRequest(idempotency_key="k", hold_id="none")
    assert isinstance(await refused(market.ReleaseHold(release)), NotFound)
    other = rpc.DepositRequest(idempotency_key="k", account_id="team", amount_fen=1)
    assert isinstance(await refused(desk.Deposit(other)), AlreadyExists)
    empty = await desk.GetInvoice(rpc.GetInvoiceRequest(tenant_id="lab", month="2026-11"))
    assert (empty.invoice.total_fen, empty.invoice.closed) == (0, False)
