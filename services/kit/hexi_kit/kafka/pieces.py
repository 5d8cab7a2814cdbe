"""Cuts what a poll brought into the batches a handler gets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hexi_kit.kafka.ports import Partition
from hexi_kit.kafka.record import Record

Batch = dict[Partition, list[Record]]


def pieces(polled: Mapping[Partition, list[Record]], most: int, together: bool) -> Iterator[Batch]:
    """At most `most` records each, of one partition or, `together`, of one topic."""
    gathered: Batch = {}
    for partition, records in sorted(polled.items()):
        for start in range(0, len(records), most):
            piece = records[start : start + most]
            count = len(piece) + sum(map(len, gathered.values()))
            fits = together and count <= most and partition not in gathered
            if gathered and not (fits and partition.topic == next(iter(gathered)).topic):
                yield gathered
                gathered = {}
            gathered[partition] = piece
    if gathered:
        yield gathered
