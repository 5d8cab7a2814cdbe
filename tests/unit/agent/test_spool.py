"""Goal: the spool keeps what is not acknowledged, within its bound. Method: real files."""

from pathlib import Path

import pytest
from hexi_agent.domain.spool_record import Mark
from hexi_agent.spool import (
    Spool,
    SpoolLimits,
    begin_epoch,
    highest_sequences,
    open_stream,
    pending,
)

AGENT = ("lanzhou", "1")


def mark(sequence: int) -> Mark:
    return Mark(
        sequence, 1_000 * sequence, 7 * sequence, 9 * sequence, bytes([sequence % 251]) * 32
    )


def fill(spool: Spool, first: int, last: int, size: int = 100) -> None:
    for sequence in range(first, last + 1):
        spool.append(mark(sequence), bytes([sequence % 256]) * size)


def numbers(spool: Spool, after: int = 0) -> list[int]:
    return [stored.sequence for stored in spool.read(after, 1_000)]


def test_what_was_appended_comes_back_in_order(tmp_path: Path) -> None:
    spool = Spool(tmp_path, SpoolLimits(segment_bytes=500))
    fill(spool, 1, 20)

    assert [stored.frame for stored in spool.read(0, 100)] == [
        bytes([n]) * 100 for n in range(1, 21)
    ]
    assert numbers(spool, 17) == [18, 19, 20]
    assert [stored.sequence for stored in spool.read(3, 2)] == [4, 5]


def test_a_restart_knows_where_it_stood(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    fill(spool, 1, 5)
    spool.ack(3)
    spool.close()

    again = Spool(tmp_path)

    assert (again.mark, again.acked, again.pending) == (mark(5), 3, 2)
    assert numbers(again, again.acked) == [4, 5]


def test_a_restart_of_an_empty_spool_still_knows_its_numbers(tmp_path: Path) -> None:
    limits = SpoolLimits(segment_bytes=400)
    spool = Spool(tmp_path, limits)
    fill(spool, 1, 9)
    spool.ack(9)
    spool.close()

    again = Spool(tmp_path, limits)

    assert (again.mark, again.acked, again.pending) == (mark(9), 9, 0)
    assert len(list(tmp_path.glob("*.seg"))) == 1


def test_a_full_spool_drops_the_oldest_and_counts_them(tmp_path: Path) -> None:
    spool = Spool(tmp_path, SpoolLimits(bytes_max=2_000, segment_bytes=500))
    fill(spool, 1, 50)

    assert spool.size_bytes <= 2_000
    assert numbers(spool)[-1] == 50
    assert numbers(spool)[0] == spool.acked + 1 == spool.dropped + 1
    assert spool.pending == 50 - spool.dropped


def test_a_number_is_never_given_twice(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    fill(spool, 1, 2)

    with pytest.raises(ValueError, match="above 2"):
        fill(spool, 2, 2)


def test_a_spool_of_garbage_begins_anew(tmp_path: Path) -> None:
    (tmp_path / "00000000000000000001.seg").write_bytes(b"\x00" * 4_096)

    spool = Spool(tmp_path)

    assert (spool.mark.sequence, spool.pending) == (0, 0)
    fill(spool, 1, 1)


def test_a_flipped_bit_hides_what_follows_and_never_crashes(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    fill(spool, 1, 5)
    path = next(tmp_path.glob("*.seg"))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)

    again = Spool(tmp_path)

    assert numbers(again) == list(range(1, again.mark.sequence + 1))
    assert again.mark.sequence < 5


def test_the_audit_sees_every_stream_and_its_highest_number(tmp_path: Path) -> None:
    first = open_stream(tmp_path, AGENT, now_ms=100)
    fill(first.spool, 1, 8)
    first.spool.ack(6)
    assert pending(tmp_path) == 2
    second = begin_epoch(tmp_path, AGENT, now_ms=50)
    fill(second.spool, 1, 3)

    assert highest_sequences(tmp_path) == {("lanzhou", "1", 100): 8, ("lanzhou", "1", 101): 3}
    assert pending(tmp_path) == 3
    assert open_stream(tmp_path, AGENT, now_ms=999).name == second.name


def test_a_folder_without_spools_is_an_empty_answer(tmp_path: Path) -> None:
    assert highest_sequences(tmp_path) == {}
    assert pending(tmp_path) == 0
