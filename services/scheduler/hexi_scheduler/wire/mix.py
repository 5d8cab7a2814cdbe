"""What a site has learned of the work that comes, in and out."""

from __future__ import annotations

from hexi.common.v1 import common_pb2
from hexi.scheduler.v1 import place_pb2

from hexi_scheduler.domain.packing.mix import Bid, MixLearned, Seen, Shape


def mix_record(event: MixLearned, cause: common_pb2.Cause) -> place_pb2.MixRecord:
    return place_pb2.MixRecord(
        cause=cause,
        until_ms=event.until_ms,
        arrivals=event.arrivals,
        seen=[
            place_pb2.SeenShape(**shape._asdict(), count=came, weight=weight)
            for shape, came, weight in event.seen
        ],
        bids=[place_pb2.PoolBid(**bid._asdict()) for bid in event.bids],
        generation=event.generation,
        generation_arrivals=event.generation_arrivals,
        device_values=[
            place_pb2.DeviceValue(device_milli=milli, worth=worth)
            for milli, worth in event.device_values
        ],
        watt_worth=event.watt_worth,
    )


def mix(said: place_pb2.MixRecord) -> MixLearned:
    return MixLearned(
        said.until_ms,
        said.arrivals,
        tuple(
            Seen(
                Shape(s.cpu_milli, s.accelerators, s.device_milli, tuple(s.models)),
                s.count,
                s.weight,
            )
            for s in said.seen
        ),
        tuple(
            Bid(bid.class_id, bid.executor, bid.device, bid.cpu, bid.device_milli_free)
            for bid in said.bids
        ),
        said.generation,
        said.generation_arrivals,
        tuple((value.device_milli, value.worth) for value in said.device_values),
        said.watt_worth,
    )
