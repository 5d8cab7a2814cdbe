"""Record batches of our own making, read back by the library's reader."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
from aiokafka.record.default_records import DefaultRecordBatch
from hexi_kit.journal.ownership import is_fence
from hexi_kit.kafka.batch import EntryTooLarge, build_batches
from hexi_kit.testing.faults import planned
from hypothesis import given
from hypothesis import strategies as st

entry = st.tuples(st.binary(max_size=50), st.none() | st.binary(max_size=400))


def read(raw: bytes) -> DefaultRecordBatch:
    batch = DefaultRecordBatch(bytearray(raw))
    assert batch.validate_crc()
    return batch


@given(st.lists(entry, min_size=1, max_size=60))
def test_all_entries_in_order_in_batches_that_fit(entries) -> None:
    batches = build_batches(entries, 1_000)
    found = []
    sequence = 5
    for batch in batches:
        raw = batch.stamp(9, 3, sequence)
        assert len(raw) <= 1_000
        assert raw == batch.stamp(9, 3, sequence), "a batch sent again is the same batch"
        parsed = read(raw)
        assert (parsed.producer_id, parsed.producer_epoch) == (9, 3)
        assert parsed.base_sequence == sequence
        assert not parsed.is_transactional
        found += [(record.key, record.value) for record in parsed]
        sequence += batch.count

    assert found == entries


def test_an_entry_larger_than_the_journal_takes_is_refused() -> None:
    with pytest.raises(EntryTooLarge):
        build_batches([(b"k", b"x" * 2_000)], 1_000)
    with pytest.raises(EntryTooLarge):
        build_batches([(b"k", b"x"), (b"k", b"x" * 2_000)], 1_000)


def test_nothing_is_no_batch() -> None:
    with pytest.raises(ValueError, match="at least one entry"):
        build_batches([], 1_000)


def test_fences_are_known_by_their_key() -> None:
    assert is_fence(b"fence/3")
    assert not is_fence(b"site/fence")
    assert not is_fence(None)


@pytest.mark.parametrize("text", ["point", "point:0", ":3", "point:x"])
def test_a_fault_plan_that_says_nothing_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected point:nth"):
        planned(text)


def test_a_planned_fault_strikes_at_its_nth_passing() -> None:
    code = (
        "import sys; from hexi_kit.testing import faults\n"
        "for n in range(9):\n"
        "    faults.point('other'); faults.point('here'); sys.stdout.write(str(n)); "
        "sys.stdout.flush()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={"HEXI_FAULTS": "here:3,there:1"}, capture_output=True
    )

    assert done.returncode == -signal.SIGKILL
    assert done.stdout == b"01"
