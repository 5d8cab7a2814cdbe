"""Which command a decision answers, and which of how many it is: the first field of its record."""

from __future__ import annotations

from functools import lru_cache

from hexi.common.v1 import common_pb2

from hexi_scheduler.wire.splice import nested

CAUSE = 1
ORDINALS_MAX = 4_096


def causes(partition: int, offset: int, count: int) -> list[bytes]:
    """The causes of all decisions about one command; they differ in their ordinal alone."""
    command = common_pb2.Cause(partition=partition, offset=offset).SerializeToString()
    of = common_pb2.Cause(of=count).SerializeToString()
    return [nested(CAUSE, command + _ordinal(number) + of) for number in range(count)]


@lru_cache(ORDINALS_MAX)
def _ordinal(number: int) -> bytes:
    return common_pb2.Cause(ordinal=number).SerializeToString()
