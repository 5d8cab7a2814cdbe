"""Values of marketplace.trade.v1 and .lease.v1, each with the command that caused it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from hexi.common.v1 import common_pb2
from hexi.marketplace.v1 import marketplace_pb2 as pb
from hexi_contracts.topic import Topic
from hexi_kit.ids import derive
from hexi_kit.kafka.codec import decode_value

from hexi_marketplace.domain.command import Event, OrderOver, Trade
from hexi_marketplace.domain.product import parse_product, shard_name
from hexi_marketplace.wire.enums import STATES


class Position(NamedTuple):
    """Where an output stands behind its input; orders as the outputs do."""

    offset: int
    ordinal: int


NOTHING = Position(-1, -1)


@dataclass(frozen=True, slots=True)
class Output:
    """One record that a shard owes to a topic."""

    position: Position
    shard: str
    event_id: str
    message: pb.TradeRecord | pb.LeaseGranted
    traceparent: str


def trade_records(partition: int, offset: int, events: Sequence[Event]) -> list[Output]:
    """What the trade topic is owed for one command."""
    found = []
    for ordinal, event in enumerate(events):
        cause = _cause(partition, offset, ordinal, len(events))
        if isinstance(event, Trade):
            message = pb.TradeRecord(agreed=write_trade(event, cause))
            event_id, trace = event.trade_id, event.buy.traceparent
        else:
            message = pb.TradeRecord(ended=_write_over(event, cause))
            event_id, trace = derive("order-over", event.order_id), ""
        position = Position(offset, ordinal)
        found.append(Output(position, shard_name(event.product_id), event_id, message, trace))
    return found


def lease_records(partition: int, offset: int, events: Sequence[Event]) -> list[Output]:
    """What the lease topic is owed for one command: a lease for each trade."""
    trades = [event for event in events if isinstance(event, Trade)]
    found = []
    for ordinal, trade in enumerate(trades):
        cause = _cause(partition, offset, ordinal, len(trades))
        message = _write_lease(trade, cause)
        trace = trade.buy.traceparent
        position = Position(offset, ordinal)
        shard = shard_name(trade.product_id)
        found.append(Output(position, shard, trade.lease_id, message, trace))
    return found


def last_position(topic: Topic, value: bytes) -> Position:
    """Position of a record of the trade or the lease topic."""
    message = decode_value(topic, value)
    if isinstance(message, pb.TradeRecord):
        message = message.agreed if message.HasField("agreed") else message.ended
    return Position(message.cause.offset, message.cause.ordinal)


def write_trade(trade: Trade, cause: common_pb2.Cause | None = None) -> pb.TradeAgreed:
    return pb.TradeAgreed(
        trade_id=trade.trade_id,
        cause=cause,
        product_id=trade.product_id,
        buy_order_id=trade.buy.order_id,
        sell_order_id=trade.sell.order_id,
        buyer_account=trade.buy.account,
        seller_account=trade.sell.account,
        buyer_hold_id=trade.buy.hold_id,
        tenant_id=trade.buy.tenant_id,
        price_micro_yuan=trade.price_micro_yuan,
        units=trade.units,
        agreed_at_ms=trade.agreed_at_ms,
        lease_id=trade.lease_id,
        traceparent=trade.buy.traceparent,
    )


def _write_lease(trade: Trade, cause: common_pb2.Cause) -> pb.LeaseGranted:
    product = parse_product(trade.product_id)
    assert product is not None, "a trade's product was read when its order was placed"
    return pb.LeaseGranted(
        lease_id=trade.lease_id,
        cause=cause,
        trade_id=trade.trade_id,
        tenant_id=trade.buy.tenant_id,
        site_id=product.site_id,
        class_id=product.class_id,
        units=trade.units,
        start_ms=product.slot_start_ms,
        end_ms=product.slot_end_ms,
        price_micro_yuan=trade.price_micro_yuan,
        traceparent=trade.buy.traceparent,
    )


def _write_over(over: OrderOver, cause: common_pb2.Cause) -> pb.OrderEnded:
    return pb.OrderEnded(
        cause=cause,
        order_id=over.order_id,
        hold_id=over.hold_id,
        state=STATES[over.state],
        units_left=over.units_left,
        ended_at_ms=over.ended_at_ms,
        account=over.account,
        product_id=over.product_id,
        reason=over.reason,
    )


def _cause(partition: int, offset: int, ordinal: int, of: int) -> common_pb2.Cause:
    return common_pb2.Cause(partition=partition, offset=offset, ordinal=ordinal, of=of)
