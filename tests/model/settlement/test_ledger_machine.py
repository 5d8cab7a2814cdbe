"""Goal: whatever callers and logs do, in whatever order and how often: the sum is zero, nobody is
overdrawn, no hold gives more than it has, and usage x price is what was posted.
Method: a state machine over the writer, in memory and on Postgres, beside books kept by hand."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import pytest
from hexi_kit.db.migrate import migrate
from hexi_kit.db.pool import open_pool
from hexi_kit.errors import HexiError, Unavailable
from hexi_kit.testing.clock import ManualClock
from hexi_settlement.domain.account import MAY_OWE, AccountKind
from hexi_settlement.domain.closing import CloseMonths
from hexi_settlement.domain.desk import Deposit, OpenAccount, PlaceHold, ReleaseHold
from hexi_settlement.domain.hold import Hold
from hexi_settlement.domain.known import Mark
from hexi_settlement.domain.site import RecordSites, SiteEntry
from hexi_settlement.domain.trade import OrderEnd, SettleTrades, Trade, TradeEntry
from hexi_settlement.domain.transfer import Transfer, TransferCode
from hexi_settlement.domain.usage import RateUsages, Usage, UsageEntry
from hexi_settlement.handlers.write import Writer
from hexi_settlement.ports import Ledger, LedgerReader
from hexi_settlement.settings import load_rules
from hexi_settlement.store.ledger import PgLedger
from hexi_settlement.store.memory import MemoryLedger
from hexi_settlement.store.reader import PgReader
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

RULES = load_rules()
DAY_MS = 86_400_000
NOW_MS = 1_795_000_000_000  # 2026-11-18
MARK = Mark("t", 0, 1)
TENANTS = st.sampled_from(["team", "lab"])
FEN = st.integers(1, 1_000)
PICK = st.integers(0, 7)
KEY = st.sampled_from(["k1", "k2", "k3", "k4"])
AFTER = {"2026-10": "2026-11", "2026-11": "2026-12"}
EMPTY = "TRUNCATE account, transfer, hold, trade, bill, bill_line, usage, site, inbox, outbox"
RESTART = "UPDATE ledger SET sequence = 0, closed_through = ''"
EVERY_ACCOUNT = ("team", "lab", "op-lanzhou", "seller", "hold:team", "hold:lab",
                 "receivable:team", "receivable:lab", "platform:cash", "platform:fee",
                 "platform:tax", "platform:rounding")  # fmt: skip


class LedgerMachine(RuleBasedStateMachine):
    """Subclasses say which ledger; the hand-kept books are what the rules were told."""

    fresh: ClassVar[Callable[[], tuple[Ledger, LedgerReader]]]
    loop: ClassVar[asyncio.AbstractEventLoop]

    def __init__(self) -> None:
        super().__init__()
        ledger, self.reader = type(self).fresh()
        self.clock = ManualClock(NOW_MS)
        self.writer = Writer(ledger, self.clock, RULES)
        self.running = self.loop.create_task(self.writer.run())
        self.deposited: dict[tuple[str, str], int] = {}
        self.holds: dict[str, Hold] = {}
        self.traded: dict[str, int] = {}
        self.trades: dict[str, Trade] = {}
        self.usages: dict[str, Usage] = {}
        self.lines: defaultdict[tuple[str, str, int], int] = defaultdict(int)
        self.over: set[str] = set()
        self.closed = ""
        self.submit(RecordSites((SiteEntry("lanzhou", "op-lanzhou", MARK),)))

    def teardown(self) -> None:
        self.running.cancel()
        self.run(asyncio.gather(self.running, return_exceptions=True))

    def run(self, step: Any) -> Any:
        return self.loop.run_until_complete(step)

    def submit(self, command: Any) -> Any:
        try:
            return self.run(self.writer.submit(command))
        except Unavailable:
            self.run(self.running)  # raises what broke the writer
            raise
        except HexiError as refused:
            return refused

    @initialize(fen=st.integers(0, 2_000))
    def begin(self, fen: int) -> None:
        if fen:
            self.open("team")
            self.deposit("team", fen, "k1")

    @rule(account=TENANTS)
    def open(self, account: str) -> None:
        self.submit(OpenAccount(account, AccountKind.CUSTOMER, account))

    @rule(account=TENANTS, fen=FEN, key=KEY)
    def deposit(self, account: str, fen: int, key: str) -> None:
        if isinstance(self.submit(Deposit(account, fen, key)), Transfer):
            assert self.deposited.setdefault((account, key), fen) == fen

    @rule(account=TENANTS, fen=FEN, key=KEY)
    def place_hold(self, account: str, fen: int, key: str) -> None:
        placed = self.submit(PlaceHold(account, fen, "order", key))
        if isinstance(placed, Hold):
            known = self.holds.setdefault(placed.hold_id, placed)
            assert known.amount_fen == fen

    @rule(pick=PICK)
    def release(self, pick: int) -> None:
        if self.holds:
            hold_id = sorted(self.holds)[pick % len(self.holds)]
            assert isinstance(self.submit(ReleaseHold(hold_id)), Hold)
            self.over.add(hold_id)

    @rule(
        pick=PICK,
        price=st.integers(1, 90_000),
        units=st.integers(1, 64),
        end=st.booleans(),
    )
    def trade(self, pick: int, price: int, units: int, end: bool) -> None:
        if not self.holds:
            return
        hold = self.holds[sorted(self.holds)[pick % len(self.holds)]]
        name = f"t{len(self.trades)}"
        trade = Trade(name, hold.hold_id, hold.account_id, "seller", price, units, "")
        worth = self.traded.get(hold.hold_id, 0) + price * units
        fits = hold.hold_id not in self.over and worth // 10_000 <= hold.amount_fen
        items = [trade, trade, *([OrderEnd(hold.hold_id)] if end else [])]

        stopped = self.submit(SettleTrades(tuple(TradeEntry(item, MARK) for item in items)))

        assert (stopped is None) == fits
        if fits:
            self.trades[name] = trade
            self.traded[hold.hold_id] = worth
            self.over |= {hold.hold_id} if end else set()

    @rule(
        tenant=TENANTS,
        price=st.sampled_from([1, 3_333, 2_500_001]),
        unit_ms=st.integers(1, 4 * 900_000),
        lease=st.sampled_from(["", "", "lease"]),
        day=st.integers(0, 40),
        repeat=st.booleans(),
    )
    def use(
        self, tenant: str, price: int, unit_ms: int, lease: str, day: int, repeat: bool
    ) -> None:
        name = f"u{len(self.usages)}"
        start_ms = NOW_MS + day * DAY_MS
        usage = Usage(name, tenant, "lanzhou", "A100", lease, price, unit_ms, start_ms, "")
        again = list(self.usages.values())[-2:] if repeat else []
        entry = UsageEntry((*again, usage, *again, usage), MARK)
        assert self.submit(RateUsages((entry,))) is None
        self.usages[name] = usage
        if not lease:
            day_there = datetime.fromtimestamp(start_ms // 1000, ZoneInfo("Asia/Shanghai"))
            month = f"{day_there:%Y-%m}"
            month = AFTER[self.closed] if month <= self.closed else month
            self.lines[tenant, month, price] += unit_ms

    @rule(month=st.sampled_from(["2026-10", "2026-11"]))
    def close(self, month: str) -> None:
        self.submit(CloseMonths(month))
        self.closed = max(self.closed, month)

    @invariant()
    def the_ledger_is_sound(self) -> None:
        self.run(self.look())

    async def look(self) -> None:
        balance = await self.reader.trial_balance()
        assert sum(k.debits_fen for k in balance.kinds) == sum(k.credits_fen for k in balance.kinds)
        posted: dict[int, Transfer] = {}
        sums: defaultdict[str, int] = defaultdict(int)
        remainders = 0
        for account_id in EVERY_ACCOUNT:
            for transfer in await self.reader.transfers(account_id, 0, 10_000):
                posted[transfer.sequence] = transfer
            found = await self.reader.account(account_id)
            if found is not None:
                account, _ = found
                assert account.kind in MAY_OWE or account.balance_fen >= 0
                assert account.remainder_micro_yuan >= 0
                remainders += account.remainder_micro_yuan
                sums[account_id] = account.balance_fen
        assert sorted(posted) == list(range(1, balance.transfers + 1))
        for transfer in posted.values():
            sums[transfer.debit_account] += transfer.amount_fen
            sums[transfer.credit_account] -= transfer.amount_fen
        assert not any(sums.values())
        self.look_at_money(list(posted.values()))
        open_holds = sum(w % 10_000 for h, w in self.traded.items() if h not in self.over)
        assert self.owed_micro_yuan() == 10_000 * _paid(posted.values()) + remainders + open_holds

    def look_at_money(self, posted: list[Transfer]) -> None:
        deposits = [t.amount_fen for t in posted if t.code == TransferCode.DEPOSIT]
        assert sum(deposits) == sum(self.deposited.values())
        used = {t.cause.subject for t in posted if t.code == TransferCode.USAGE}
        assert used <= set(self.usages)
        assert {t.cause.subject for t in posted if t.code == TransferCode.TRADE} <= set(self.trades)

    def owed_micro_yuan(self) -> int:
        """Usage and trades at their prices; a line rounds down once, however it was filled."""
        used = sum(ms * price // 900_000 for (_, _, price), ms in self.lines.items())
        return used + sum(self.traded.values())


def _paid(posted: Any) -> int:
    billed = (TransferCode.USAGE, TransferCode.TRADE, TransferCode.TAX, TransferCode.FEE)
    return sum(transfer.amount_fen for transfer in posted if transfer.code in billed)


def machine_of(fresh: Callable[[], tuple[Ledger, LedgerReader]], on: Any) -> type[LedgerMachine]:
    """A machine of its own class, as hypothesis wants it."""
    return type("Machine", (LedgerMachine,), {"fresh": staticmethod(fresh), "loop": on})


def check(machine: type[LedgerMachine], examples: int, steps: int) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_the_ledger_in_memory_is_sound() -> None:
    def fresh() -> tuple[Ledger, LedgerReader]:
        ledger = MemoryLedger()
        return ledger, ledger

    with asyncio.Runner() as runner:
        check(machine_of(fresh, runner.get_loop()), examples=120, steps=40)


@pytest.mark.integration
def test_the_ledger_in_postgres_is_sound(postgres: Any, database: str) -> None:
    with asyncio.Runner() as runner:
        pool = runner.run(open_pool(postgres.dsn("settlement", database), "settlement"))
        runner.run(migrate(pool, "hexi_settlement.store.migrations", "settlement"))

        def fresh() -> tuple[Ledger, LedgerReader]:
            runner.run(pool.execute(EMPTY))
            runner.run(pool.execute(RESTART))
            return PgLedger(pool), PgReader(pool)

        check(machine_of(fresh, runner.get_loop()), examples=12, steps=20)
        runner.run(pool.close())
