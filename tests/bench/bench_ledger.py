"""How many usages, transfers and holds a second the one writer commits to a real database."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
from pathlib import Path
from typing import Any

from hexi_kit.clock import SystemClock
from hexi_kit.db.migrate import migrate
from hexi_kit.db.pool import open_pool
from hexi_local.postgres import EmbeddedPostgres
from hexi_settlement.domain.account import AccountKind
from hexi_settlement.domain.desk import Deposit, OpenAccount, PlaceHold
from hexi_settlement.domain.known import Mark
from hexi_settlement.domain.site import RecordSites, SiteEntry
from hexi_settlement.domain.usage import RateUsages, Usage, UsageEntry
from hexi_settlement.handlers.write import Writer
from hexi_settlement.settings import load_rules
from hexi_settlement.store.ledger import PgLedger
from hexi_settlement.store.reader import PgReader

from tests.bench.figures import percentile, show

SECONDS = 10.0
TENANTS, SITES, USAGES_A_COMMIT = 50, 6, 1_000
CALLERS = 64
RICH_FEN = 10**12


async def furnish(writer: Writer) -> None:
    entries = [
        SiteEntry(f"site-{n}", f"operator-{n}", Mark("inventory.site.v1", n, 1))
        for n in range(SITES)
    ]
    await writer.submit(RecordSites(tuple(entries)))
    for n in range(TENANTS):
        await writer.submit(OpenAccount(f"team-{n}", AccountKind.CUSTOMER, f"team-{n}"))
        await writer.submit(Deposit(f"team-{n}", RICH_FEN, "k"))


def usages(first: int, now_ms: int) -> tuple[Usage, ...]:
    return tuple(
        Usage(
            f"u{n}",
            f"team-{n % TENANTS}",
            f"site-{n % SITES}",
            "A100",
            "",
            2_500_001 + n % 7,
            900_000,
            now_ms,
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        )
        for n in range(first, first + USAGES_A_COMMIT)
    )


async def rate(writer: Writer, reader: PgReader, clock: SystemClock) -> None:
    before = (await reader.trial_balance()).transfers
    start_s, done = clock.real_monotonic_s(), 0
    while clock.real_monotonic_s() - start_s < SECONDS:
        entry = UsageEntry(usages(done, clock.now_ms()), Mark("scheduler.usage.v1", 0, done + 1))
        await writer.submit(RateUsages((entry,)))
        done += USAGES_A_COMMIT
    took_s = clock.real_monotonic_s() - start_s
    posted = (await reader.trial_balance()).transfers - before
    show("ledger.usages", done / took_s, "1/s", batch=USAGES_A_COMMIT)
    show("ledger.transfers", posted / took_s, "1/s", batch=USAGES_A_COMMIT)


async def hold(writer: Writer, clock: SystemClock) -> None:
    numbers, took_ms = itertools.count(), []
    end_s = clock.real_monotonic_s() + SECONDS

    async def caller() -> None:
        while (start_s := clock.real_monotonic_s()) < end_s:
            n = next(numbers)
            await writer.submit(PlaceHold(f"team-{n % TENANTS}", 100, f"o{n}", f"k{n}"))
            took_ms.append((clock.real_monotonic_s() - start_s) * 1_000)

    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    show("ledger.holds", len(took_ms) / SECONDS, "1/s", callers=CALLERS)
    show("ledger.hold_p99", percentile(took_ms, 99), "ms", callers=CALLERS)


async def bench(dsn: str) -> None:
    pool: Any = await open_pool(dsn, "settlement")
    await migrate(pool, "hexi_settlement.store.migrations", "settlement")
    clock, reader = SystemClock(), PgReader(pool)
    writer = Writer(PgLedger(pool), clock, load_rules())
    running = asyncio.create_task(writer.run())
    await furnish(writer)
    await rate(writer, reader, clock)
    await hold(writer, clock)
    balance = await reader.trial_balance()
    drift = sum(k.debits_fen - k.credits_fen for k in balance.kinds)
    show("ledger.drift", drift, "fen", transfers=balance.transfers)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await pool.close()


async def run() -> None:
    with tempfile.TemporaryDirectory(prefix="hexi-", ignore_cleanup_errors=True) as folder:
        postgres = EmbeddedPostgres(Path(folder), ("settlement",))
        await postgres.start()
        try:
            await bench(postgres.dsn("settlement"))
        finally:
            await postgres.stop()


def main() -> None:
    asyncio.run(run())
