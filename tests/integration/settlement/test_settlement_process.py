"""Goal: usage on the log becomes money and a bill, once, whatever happens to the process.

Method: the real process on the real broker and database; killed at named points while usage,
repeats and callers go on; counts taken from the tables and from the published transfers.
"""

from __future__ import annotations

import asyncio

import grpc
import pytest
from hexi.settlement.v1 import settlement_pb2 as pb
from hexi.settlement.v1 import settlement_service_pb2 as rpc
from hexi_contracts import topics as declared
from hexi_kit.clock import SystemClock
from hexi_kit.identity import Principal
from hexi_kit.ids import seeded
from hexi_kit.kafka.ports import Partition, RawRecord

pytestmark = pytest.mark.integration

MARKET = Principal("service", "marketplace")
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
PRICE = 2_500_001
BILLED = (pb.TRANSFER_CODE_USAGE, pb.TRANSFER_CODE_TAX, pb.TRANSFER_CODE_FEE)
POINTS = (
    "settlement.before_commit:4",
    "settlement.after_commit:4",
    "outbox.after_publish:2",
)


async def pay_in(world, fen: int) -> None:
    desk = world.stub()
    account = rpc.OpenAccountRequest(
        idempotency_key="k",
        account_id=world.tenant,
        kind=pb.ACCOUNT_KIND_CUSTOMER,
        owner=world.tenant,
    )
    deposit = rpc.DepositRequest(idempotency_key="k", account_id=world.tenant, amount_fen=fen)
    await desk.OpenAccount(account)
    await desk.Deposit(deposit)


async def until_rated(world, count: int) -> None:
    async with asyncio.timeout(60):
        query = "SELECT 1 FROM usage WHERE tenant_id = $1"
        while len(await world.rows(query, world.tenant)) < count:
            await SystemClock().sleep(0.05)


async def published(world, count: int) -> dict[str, pb.TransferPosted]:
    """Our transfers by id, as the log tells them; repeats must be equal."""
    async with asyncio.timeout(60):
        while True:
            found: dict[str, pb.TransferPosted] = {}
            for record in await world.records(declared.SETTLEMENT_TRANSFER):
                told = pb.TransferPosted.FromString(record.value)
                if world.run in told.debit_account + told.credit_account:
                    assert found.setdefault(told.transfer_id, told) == told
            if len(found) >= count:
                return found
            await SystemClock().sleep(0.1)


async def check_sums(world, usages: int) -> None:
    total_fen, remainder = divmod(usages * PRICE, 10_000)
    rows = await world.rows("SELECT * FROM transfer")
    assert sorted(row["sequence"] for row in rows) == list(range(1, len(rows) + 1))
    ours = [row for row in rows if row["debit_account"] == world.tenant]
    assert sum(row["amount_fen"] for row in ours if row["code"] in BILLED) == total_fen
    months = await world.rows("SELECT month FROM bill WHERE tenant_id = $1", world.tenant)
    desk = world.stub()
    bill = rpc.GetInvoiceRequest(tenant_id=world.tenant, month=months[0]["month"])
    invoice = (await desk.GetInvoice(bill)).invoice
    assert (invoice.total_fen, invoice.remainder_micro_yuan) == (total_fen, remainder)
    assert sum(line.usages for line in invoice.lines) == usages
    balance = await desk.GetTrialBalance(rpc.GetTrialBalanceRequest())
    assert balance.debits_fen == balance.credits_fen
    assert balance.transfers >= len(rows)
    ours = [row for row in rows if world.run in row["debit_account"] + row["credit_account"]]
    told = await published(world, len(ours))
    assert told.keys() == {row["transfer_id"] for row in ours}


async def test_usage_becomes_transfers_with_the_trace_of_its_submission(world) -> None:
    await world.start()
    await world.publish_site()
    await pay_in(world, 100_000)
    now_ms = SystemClock().now_ms()

    usages = [world.usage(number, now_ms) for number in range(20)]
    await world.use(*usages[:12])
    await world.use(*usages[5:])
    await until_rated(world, 20)

    await check_sums(world, 20)
    told = [t for t in (await published(world, 1)).values() if t.code == pb.TRANSFER_CODE_USAGE]
    assert {t.traceparent for t in told} == {TRACE}
    assert {t.subject for t in told} == {usage.usage_id for usage in usages}


async def test_garbage_and_odd_usage_become_dead_letters_and_the_rest_is_billed(world) -> None:
    await world.start()
    await world.publish_site()
    topic = declared.SCHEDULER_USAGE
    place = Partition(topic.name, topic.partition_of(world.site))
    now_ms = SystemClock().now_ms()

    await world.use(world.usage(0, now_ms))
    garbage = RawRecord(place, b"k", b"\xff\xff", [("run", world.run.encode())])
    await world.producer.send_raw(garbage)
    odd = world.usage(98, now_ms, price_micro_yuan=-1)
    await world.use(world.usage(1, now_ms), odd, world.usage(2, now_ms))
    await world.use(world.usage(3, now_ms))
    await until_rated(world, 4)

    await check_sums(world, 4)
    dead = [
        dict(record.headers)["dlq-reason"].decode() for record in await world.dead_letters(topic)
    ]
    assert any("expected ce_type" in reason for reason in dead)
    assert any("98" in reason and "expected a price" in reason for reason in dead)


async def hold_until_over(world, dice) -> int:
    """Holds and releases as a marketplace would, through the death of the other side."""
    market, done = world.stub(MARKET), 0
    for number in range(12):
        place = rpc.PlaceHoldRequest(
            idempotency_key=f"o{number}",
            account_id=world.tenant,
            amount_fen=dice.randint(1, 50),
            subject=f"o{number}",
        )
        try:
            hold = (await market.PlaceHold(place)).hold
            again = (await market.PlaceHold(place)).hold
            assert hold == again
            release = rpc.ReleaseHoldRequest(idempotency_key="r", hold_id=hold.hold_id)
            await market.ReleaseHold(release)
            done += 1
        except grpc.aio.AioRpcError as error:
            assert error.code() in (
                grpc.StatusCode.UNAVAILABLE,
                grpc.StatusCode.DEADLINE_EXCEEDED,
                grpc.StatusCode.CANCELLED,
            )
            return done
    return done


@pytest.mark.parametrize("point", POINTS)
async def test_killed_at_any_moment_nothing_is_lost_or_doubled(world, point: str) -> None:
    dice = seeded(len(point))
    await world.publish_site()
    first = await world.start("first")
    await pay_in(world, 1_000_000)
    await first.stop()
    dying = await world.start("dying", HEXI_FAULTS=point)
    now_ms = SystemClock().now_ms()

    usages = [world.usage(number, now_ms) for number in range(60)]
    for start in range(0, 60, 6):
        await world.use(*usages[max(0, start - 2) : start + 6])
    await hold_until_over(world, dice)
    async with asyncio.timeout(30):
        await dying.child.wait()
    await world.start("reborn")
    await until_rated(world, 60)

    assert await hold_until_over(world, seeded(len(point))) == 12
    await check_sums(world, 60)
    held = await world.rows("SELECT * FROM account WHERE account_id = $1", f"hold:{world.tenant}")
    assert held[0]["debits_fen"] == held[0]["credits_fen"]
