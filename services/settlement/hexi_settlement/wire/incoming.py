"""Records of other services as entries of the domain; what is wrong with them as a sentence."""

from __future__ import annotations

from hexi.inventory.v1 import inventory_pb2
from hexi.marketplace.v1 import marketplace_pb2
from hexi.scheduler.v1 import place_pb2

from hexi_settlement.domain.known import Mark
from hexi_settlement.domain.site import SiteEntry
from hexi_settlement.domain.trade import OrderEnd, Trade, TradeEntry
from hexi_settlement.domain.usage import Usage, UsageEntry

# A thousand yuan a slot, a hundred thousand units: tens of thousands of such usages fit 64 bits.
PRICE_MICRO_YUAN_MAX = 1_000_000_000
UNIT_MS_MAX = 100_000_000_000
UNITS_MAX = 10_000_000
TIME_MS_MAX = 4_102_444_800_000
TEXT_CHARS_MAX = 128


def usage_entry(batch: place_pb2.UsageBatch, mark: Mark) -> UsageEntry:
    """Good usages that cost time; events without time only tell that a run began."""
    usages, fault = [], ""
    for told in batch.usages:
        found = _usage_fault(told)
        if found:
            fault = fault or f"usage {told.usage_id[:40]!r}: {found}"
        elif told.unit_ms:
            usages.append(_usage(told))
    return UsageEntry(tuple(usages), mark, fault)


def trade_entry(record: marketplace_pb2.TradeRecord, mark: Mark) -> TradeEntry:
    kind = record.WhichOneof("item")
    if kind == "agreed":
        fault = _trade_fault(record.agreed)
        return TradeEntry(None if fault else _trade(record.agreed), mark, fault)
    if kind == "ended":
        hold_id = record.ended.hold_id
        if hold_id and not _is_name(hold_id):
            return TradeEntry(None, mark, f"expected a hold id, was {hold_id[:40]!r}")
        return TradeEntry(OrderEnd(hold_id), mark)
    return TradeEntry(None, mark, "expected a trade or the end of an order, was neither")


def site_entry(record: inventory_pb2.SiteRecorded, mark: Mark) -> SiteEntry:
    site = record.site
    if not _is_name(site.site_id):
        return SiteEntry("", "", mark, f"expected a site id, was {site.site_id[:40]!r}")
    operator = site.operator or site.site_id
    if not _is_name(operator):
        return SiteEntry("", "", mark, f"expected an operator, was {operator[:40]!r}")
    return SiteEntry(site.site_id, operator, mark)


def _usage(told: place_pb2.Usage) -> Usage:
    return Usage(
        told.usage_id,
        told.tenant_id,
        told.site_id,
        told.class_id,
        told.lease_id,
        told.price_micro_yuan,
        told.unit_ms,
        told.start_ms,
        _traceparent(told.traceparent),
    )


def _usage_fault(told: place_pb2.Usage) -> str:
    for name in ("usage_id", "tenant_id", "site_id", "class_id"):
        if not _is_name(getattr(told, name)):
            return f"expected a {name}, was {getattr(told, name)[:40]!r}"
    if told.lease_id and not _is_name(told.lease_id):
        return f"expected a lease_id, was {told.lease_id[:40]!r}"
    if not 0 <= told.price_micro_yuan <= PRICE_MICRO_YUAN_MAX:
        return f"expected a price of 0 to {PRICE_MICRO_YUAN_MAX}, was {told.price_micro_yuan}"
    if told.unit_ms > UNIT_MS_MAX:
        return f"expected at most {UNIT_MS_MAX} unit_ms, was {told.unit_ms}"
    if not 0 < told.start_ms <= told.end_ms <= TIME_MS_MAX:
        return f"expected a span of time, was {told.start_ms} to {told.end_ms}"
    return ""


def _trade(told: marketplace_pb2.TradeAgreed) -> Trade:
    return Trade(
        told.trade_id,
        told.buyer_hold_id,
        told.buyer_account,
        told.seller_account,
        told.price_micro_yuan,
        told.units,
        _traceparent(told.traceparent),
    )


def _trade_fault(told: marketplace_pb2.TradeAgreed) -> str:
    for name in ("trade_id", "buyer_hold_id", "buyer_account", "seller_account"):
        if not _is_name(getattr(told, name)):
            return f"expected a {name}, was {getattr(told, name)[:40]!r}"
    if not 0 < told.price_micro_yuan <= PRICE_MICRO_YUAN_MAX:
        return f"expected a price of 1 to {PRICE_MICRO_YUAN_MAX}, was {told.price_micro_yuan}"
    if not 0 < told.units <= UNITS_MAX:
        return f"expected 1 to {UNITS_MAX} units, was {told.units}"
    return ""


def _is_name(text: str) -> bool:
    return 0 < len(text) <= TEXT_CHARS_MAX and text.isprintable()


def _traceparent(text: str) -> str:
    return text if len(text) <= TEXT_CHARS_MAX and text.isprintable() else ""
