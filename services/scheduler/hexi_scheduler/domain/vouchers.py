"""Compute vouchers: what share of whose price they pay, where, of what, and in which days."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

MICRO_YUAN_PER_FEN = 10_000
WHOLE_MILLI = 1_000
KINDS = {"share_milli": int, "amount_fen": int, "class_ids": list, "site_ids": list}


class Voucher(NamedTuple):
    """Pays `share_milli` thousandths of the list price, at most its amount for one run.

    No classes or no sites named: of all. In force in [from, until); what is left of it, whoever
    settles bills knows.
    """

    voucher_id: str
    tenant_id: str
    share_milli: int
    amount_fen: int
    from_ms: int
    until_ms: int
    class_ids: tuple[str, ...] = ()
    site_ids: tuple[str, ...] = ()

    def covers(self, class_id: str, at_ms: int) -> bool:
        """Some of its sites."""
        in_force = self.from_ms <= at_ms < self.until_ms
        return in_force and (not self.class_ids or class_id in self.class_ids)

    def most_micro_yuan(self, unit_slots: int) -> int:
        """It can pay a unit and slot of a run of so many."""
        return self.amount_fen * MICRO_YUAN_PER_FEN // max(1, unit_slots)


class Cover(NamedTuple):
    """What a voucher pays of a unit and slot."""

    micro_yuan: int = 0
    voucher_id: str = ""


NO_COVER = Cover()


def cover(
    vouchers: Iterable[Voucher], place: tuple[str, str], price: int, unit_slots: int, at_ms: int
) -> Cover:
    """By the first that covers a class in a site."""
    site_id, class_id = place
    for voucher in vouchers:
        if voucher.covers(class_id, at_ms) and (
            not voucher.site_ids or site_id in voucher.site_ids
        ):
            part = price * voucher.share_milli // WHOLE_MILLI
            return Cover(min(part, voucher.most_micro_yuan(unit_slots)), voucher.voucher_id)
    return NO_COVER


def dated_vouchers(entries: Iterable[Mapping[str, Any]]) -> Mapping[str, tuple[Voucher, ...]]:
    """As the policy says them, with days of Asia/Shanghai.

    Raises:
        ValueError: a field that is missing or that nobody knows, or a voucher that cannot be.
    """
    return by_tenant(map(_voucher, entries))


def by_tenant(vouchers: Iterable[Voucher]) -> Mapping[str, tuple[Voucher, ...]]:
    """In the order of the policy.

    Raises:
        ValueError: one that pays nothing or more than all, is never in force, or is there twice.
    """
    found: defaultdict[str, tuple[Voucher, ...]] = defaultdict(tuple)
    known: set[str] = set()
    for voucher in vouchers:
        name = f"voucher {voucher.voucher_id}"
        if voucher.voucher_id in known:
            raise ValueError(f"{name}: expected once, was there before")
        if not 0 < voucher.share_milli <= WHOLE_MILLI:
            raise ValueError(
                f"{name}: expected share_milli of 1 to 1000, was {voucher.share_milli}"
            )
        if voucher.amount_fen <= 0:
            raise ValueError(f"{name}: expected an amount_fen above 0, was {voucher.amount_fen}")
        if voucher.from_ms >= voucher.until_ms:
            raise ValueError(f"{name}: expected to end after it begins")
        known.add(voucher.voucher_id)
        found[voucher.tenant_id] += (voucher,)
    return dict(found)


def _voucher(said: Mapping[str, Any]) -> Voucher:
    for name, kind in KINDS.items():
        if name in said and type(said[name]) is not kind:
            raise ValueError(f"{name}: expected {kind.__name__}, was {said[name]!r}")
    fields: dict[str, Any] = {
        name: tuple(v) if isinstance(v, list) else v for name, v in said.items()
    }
    begins, ends = (_day_start_ms(str(fields.pop(name, ""))) for name in ("from", "until"))
    try:
        return Voucher(**fields, from_ms=begins, until_ms=ends)
    except TypeError as error:
        raise ValueError(f"expected the fields of a voucher: {error}") from error


def _day_start_ms(day: str) -> int:
    return int(datetime.fromisoformat(f"{day}T00:00:00+08:00").timestamp()) * 1_000
