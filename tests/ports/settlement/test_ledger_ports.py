"""Goal: the ledger in memory and the one in Postgres are the same ledger. Method: one suite, two
worlds; every test goes through the one writer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest
from hexi_kit.db.migrate import migrate
from hexi_kit.db.pool import open_pool
from hexi_kit.errors import FailedPrecondition
from hexi_kit.testing.clock import ManualClock
from hexi_settlement.domain.account import AccountKind
from hexi_settlement.domain.closing import CloseMonths
from hexi_settlement.domain.desk import Deposit, OpenAccount, PlaceHold, ReleaseHold
from hexi_settlement.domain.known import Mark
from hexi_settlement.domain.site import RecordSites, SiteEntry
from hexi_settlement.domain.trade import OrderEnd, SettleTrades, Trade, TradeEntry
from hexi_settlement.domain.usage import RateUsages, Usage, UsageEntry
from hexi_settlement.handlers.close import MonthCloser
from hexi_settlement.handlers.write import Writer
from hexi_settlement.ports import LedgerReader
from hexi_settlement.settings import load_rules
from hexi_settlement.store.ledger import PgLedger
from hexi_settlement.store.memory import MemoryLedger
from hexi_settlement.store.reader import PgReader

NOW_MS = 1_795_000_000_000  # 2026-11-18
USAGE = Usage("u", "team", "lanzhou", "A100", "", 2_500_001, 900_000, NOW_MS, "")


@dataclass
class World:
    """A writer that runs, and a reader of what it wrote."""

    writer: Writer
    reader: LedgerReader
    clock: ManualClock

    async def balance(self, account_id: str) -> int:
        found = await self.reader.account(account_id)
        return found[0].balance_fen if found else 0


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.integration)])
def dsn(request: pytest.FixtureRequest) -> str:
    """Empty for the world in memory; no server is started for it."""
    if request.param == "memory":
        return ""
    database = request.getfixturevalue("database")
    return request.getfixturevalue("postgres").dsn("settlement", database)


@pytest.fixture
async def world(dsn: str) -> AsyncIterator[World]:
    clock, pool = ManualClock(NOW_MS), None
    if not dsn:
        memory = MemoryLedger()
        world = World(Writer(memory, clock, load_rules()), memory, clock)
    else:
        pool = await open_pool(dsn, "settlement")
        await migrate(pool, "hexi_settlement.store.migrations", "settlement")
        writer = Writer(PgLedger(pool), clock, load_rules())
        world = World(writer, PgReader(pool), clock)
    running = asyncio.create_task(world.writer.run())
    yield world
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    if pool is not None:
        await pool.close()


async def opened(world: World, account_id: str = "team", deposit_fen: int = 0) -> None:
    await world.writer.submit(OpenAccount(account_id, AccountKind.CUSTOMER, account_id))
    if deposit_fen:
        await world.writer.submit(Deposit(account_id, deposit_fen, "first"))


async def operated(world: World) -> None:
    entry = SiteEntry("lanzhou", "op-lanzhou", Mark("inventory.site.v1", 0, 1))
    assert await world.writer.submit(RecordSites((entry,))) is None


def rating(*usages: Usage, offset: int = 1) -> RateUsages:
    return RateUsages((UsageEntry(usages, Mark("scheduler.usage.v1", 3, offset)),))


async def test_usage_becomes_transfers_and_a_bill(world: World) -> None:
    await opened(world, deposit_fen=10_000)
    await operated(world)

    await world.writer.submit(rating(USAGE, replace(USAGE, usage_id="v")))
    await world.writer.submit(rating(USAGE, replace(USAGE, usage_id="w"), offset=2))

    invoice = await world.reader.invoice("team", "2026-11")
    assert invoice is not None
    assert (invoice.bill.total_fen, invoice.bill.remainder_micro_yuan) == (750, 3)
    assert [(line.usages, line.unit_ms) for line in invoice.lines] == [(3, 2_700_000)]
    assert await world.balance("team") == 10_000 - 750
    balance = await world.reader.trial_balance()
    assert sum(k.debits_fen for k in balance.kinds) == sum(k.credits_fen for k in balance.kinds)


async def test_sequences_have_no_gaps_and_pages_none_either(world: World) -> None:
    await opened(world, deposit_fen=10_000)
    await operated(world)
    with pytest.raises(FailedPrecondition):
        await world.writer.submit(PlaceHold("team", 10_001, "o", "k"))
    for number in range(5):
        await world.writer.submit(rating(replace(USAGE, usage_id=f"u{number}")))

    seen: list[int] = []
    while page := await world.reader.transfers("team", seen[-1] if seen else 0, 4):
        seen += [transfer.sequence for transfer in page]

    total = (await world.reader.trial_balance()).transfers
    assert seen == list(range(1, total + 1))


async def test_many_callers_share_commits_and_each_gets_its_answer(world: World) -> None:
    await opened(world, deposit_fen=1_000)

    answers = await asyncio.gather(
        *(world.writer.submit(PlaceHold("team", 100, f"o{n}", f"k{n}")) for n in range(15)),
        return_exceptions=True,
    )

    refused = [answer for answer in answers if isinstance(answer, FailedPrecondition)]
    assert len(refused) == 5
    found = await world.reader.account("team")
    assert found is not None
    assert (found[0].balance_fen, found[1]) == (0, 1_000)


async def test_trades_settle_and_the_rest_of_the_hold_returns(world: World) -> None:
    await opened(world, "buyer", 10_000)
    hold = await world.writer.submit(PlaceHold("buyer", 6_000, "order", "key"))
    trade = Trade("t", hold.hold_id, "buyer", "op-lanzhou", 1_000_000, 53, "")
    marks = [Mark("marketplace.trade.v1", 0, n) for n in (1, 2, 3)]

    items = (trade, trade, OrderEnd(hold.hold_id))
    entries = tuple(TradeEntry(item, mark) for item, mark in zip(items, marks, strict=True))
    assert await world.writer.submit(SettleTrades(entries)) is None
    assert await world.writer.submit(SettleTrades(entries)) is None
    await world.writer.submit(ReleaseHold(hold.hold_id))

    assert await world.balance("buyer") == 4_700
    assert await world.balance("op-lanzhou") == 4_950


async def test_a_deposit_pays_back_credit(world: World) -> None:
    await operated(world)
    await world.writer.submit(rating(USAGE))
    assert await world.balance("receivable:team") == -250

    await world.writer.submit(OpenAccount("team", AccountKind.CUSTOMER, "team"))
    await world.writer.submit(Deposit("team", 1_000, "k"))
    await world.writer.submit(Deposit("team", 1_000, "k"))

    assert await world.balance("team") == 750
    assert await world.balance("receivable:team") == 0


async def test_a_month_closes_after_its_grace_and_late_usage_moves_on(world: World) -> None:
    await operated(world)
    await world.writer.submit(rating(USAGE, replace(USAGE, usage_id="x", tenant_id="other")))
    closer = MonthCloser(world.writer, world.reader, world.clock, grace_ms=3_600_000)
    await world.writer.submit(CloseMonths("2026-10"))
    assert await closer.close_what_is_over() == 0

    world.clock.advance(14 * 86_400_000)
    assert await closer.close_what_is_over() == 2
    assert await closer.close_what_is_over() == 0
    await world.writer.submit(rating(replace(USAGE, usage_id="late")))

    november = await world.reader.invoice("team", "2026-11")
    december = await world.reader.invoice("team", "2026-12")
    assert november is not None and december is not None
    assert (november.closed, november.bill.total_fen) == (True, 250)
    assert (december.closed, december.bill.total_fen) == (False, 250)


async def test_a_site_may_change_hands(world: World) -> None:
    await operated(world)
    entry = SiteEntry("lanzhou", "op-new", Mark("inventory.site.v1", 0, 2))
    await world.writer.submit(RecordSites((entry,)))

    await world.writer.submit(rating(USAGE))

    assert await world.balance("op-new") > 0
    assert await world.balance("op-lanzhou") == 0


async def test_earnings_before_the_operator_is_known_are_paid_out_once(world: World) -> None:
    await opened(world, deposit_fen=1_000)
    await world.writer.submit(rating(USAGE))
    earned = await world.balance("unassigned:lanzhou")

    await operated(world)
    await operated(world)

    assert (await world.balance("op-lanzhou"), earned) == (232, 232)
    assert await world.balance("unassigned:lanzhou") == 0


async def test_what_is_not_there_is_not_found(world: World) -> None:
    assert await world.reader.account("nobody") is None
    assert await world.reader.invoice("nobody", "2026-11") is None
    assert await world.reader.transfers("nobody", 0, 10) == []
    assert await world.reader.closed_through() == ""
