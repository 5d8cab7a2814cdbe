"""Record batches of format 2, built by us so that producer and sequence are ours to choose."""

from __future__ import annotations

from collections.abc import Sequence

from aiokafka.record.default_records import DefaultRecordBatchBuilder

from hexi_kit.errors import HexiError

MAGIC = 2
UNCOMPRESSED = 0

Headers = list[tuple[str, bytes]]
Entry = tuple[bytes, bytes | None] | tuple[bytes, bytes | None, Headers]
"""A key and its value, None being the tombstone; headers where others read the journal too."""
Raw = tuple[bytes | None, bytes | None, Headers]
"""An event."""


class EntryTooLarge(HexiError):
    """One entry alone is larger than the log takes."""


class Batch:
    """Entries that are in the log together or not at all; sent as often as needed."""

    def __init__(self, bytes_max: int, alone_bytes_max: int) -> None:
        self.count = 0
        self._alone_bytes_max = alone_bytes_max
        self._stamp: tuple[int, int, int] | None = None
        self._bytes = b""
        self._builder = DefaultRecordBatchBuilder(
            MAGIC,
            UNCOMPRESSED,
            is_transactional=0,
            producer_id=-1,
            producer_epoch=-1,
            base_sequence=0,
            batch_size=bytes_max,
        )

    def add(self, key: bytes | None, value: bytes | None, headers: Headers | None = None) -> bool:
        """False when there is no room, which an empty batch never says to a legal entry."""
        # No timestamp: the real clock's, since the broker refuses times far from its own.
        written = self._builder.append(self.count, None, key, value, headers or [])
        if written is None:
            return False
        if not self.count and self._builder.size() > self._alone_bytes_max:
            most = self._alone_bytes_max
            raise EntryTooLarge(f"expected at most {most} bytes, was {written.size}")
        self.count += 1
        return True

    def stamp(self, producer_id: int, epoch: int, sequence: int) -> bytes:
        """The bytes to send; a batch sent again under the same stamp is the same batch."""
        if self._stamp != (producer_id, epoch, sequence):
            self._stamp = producer_id, epoch, sequence
            self._builder.set_producer_state(producer_id, epoch, sequence)
            self._bytes = bytes(self._builder.build())
        return self._bytes


def build_batches(
    entries: Sequence[Entry] | Sequence[Raw], bytes_max: int, alone_bytes_max: int | None = None
) -> list[Batch]:
    """As few batches of `bytes_max` as fit; one entry alone may be larger, if that is said."""
    if not entries:
        raise ValueError("expected at least one entry, was none")
    limits = bytes_max, alone_bytes_max or bytes_max
    batches = [Batch(*limits)]
    for entry in entries:
        if not batches[-1].add(*entry):
            batches.append(Batch(*limits))
            batches[-1].add(*entry)
    return batches
