"""Values of marketplace.trade.v1 and .lease.v1, each with the command that caused it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from hexi.common.v1 import common_pb2
from hexi.marketplace.v1 import marketplace_pb2 as pb
from hexi_contracts.topic import Topic
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


def outputs_of(
    partition: int, offset: int, events: Sequence[Event]
) -> tuple[list[Output], list[Output]]:
    """What the trade topic, and with a lease for each trade the lease topic, owe to one command."""
    trades: list[Output] = []
    leases: list[Output] = []
    leases_of = sum(isinstance(event, Trade) for event in events)
    for ordinal, event in enumerate(events):
        position = Position(offset, ordinal)
        cause = _cause(partition, offset, ordinal, len(events))
        shard = shard_name(event.product_id)
        if isinstance(event, OrderOver):
            over = pb.TradeRecord(ended=_write_over(event, cause))
            event_id = f"over-{partition}-{offset}-{ordinal}"
            trades.append(Output(position, shard, event_id, over, ""))
            continue
        agreed = write_trade(event, cause)
        trace = event.buy.traceparent
        trades.append(
            Output(position, shard, agreed.trade_id, pb.TradeRecord(agreed=agreed), trace)
        )
        cause = _cause(partition, offset, len(leases), leases_of)
        lease = _write_lease(agreed, cause)
        lease_position = Position(offset, len(leases))
        leases.append(Output(lease_position, shard, lease.lease_id, lease, trace))
    return trades, leases


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


def _write_lease(trade: pb.TradeAgreed, cause: common_pb2.Cause) -> pb.LeaseGranted:
    product = parse_product(trade.product_id)
    assert product is not None, "a trade's product was read when its order was placed"
    return pb.LeaseGranted(
        lease_id=trade.lease_id,
        cause=cause,
        trade_id=trade.trade_id,
        tenant_id=trade.tenant_id,
        site_id=product.site_id,
        class_id=product.class_id,
        units=trade.units,
        start_ms=product.slot_start_ms,
        end_ms=product.slot_end_ms,
        price_micro_yuan=trade.price_micro_yuan,
        traceparent=trade.traceparent,
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
