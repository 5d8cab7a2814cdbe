"""What a site offers beside free capacity: who uses it, who could yield, what is kept for whom."""

from __future__ import annotations

from typing import NamedTuple

from hexi_scheduler.domain.use import NO_USE, Use


class TenantUse(NamedTuple):
    """What live work of a tenant takes in a site."""

    tenant_id: str
    use: Use


class RankUse(NamedTuple):
    """What work of one rank takes of a class of servers and could be made to give back."""

    class_id: str
    executor: str
    rank: int
    use: Use


class Backfill(NamedTuple):
    """What is free on servers kept for a claim, for work that has ended by then."""

    class_id: str
    executor: str
    until_ms: int
    use: Use


class FairOffer(NamedTuple):
    """Who uses what of how much, who could yield, and what is kept for whom."""

    uses: tuple[TenantUse, ...] = ()
    total: Use = NO_USE
    yielding: tuple[RankUse, ...] = ()
    backfill: tuple[Backfill, ...] = ()
    claims_free: int = 0
