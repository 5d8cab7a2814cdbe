"""Goal: whatever byte a crash stops at, the acknowledged is gone and the rest is there, in order.
Method: arbitrary appends and acknowledgements, then the active segment cut at an arbitrary byte."""

import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple

from hexi_agent.domain.spool_record import Mark
from hexi_agent.domain.spool_segment import read_segment
from hexi_agent.spool import Spool, SpoolLimits
from hypothesis import given, settings
from hypothesis import strategies as st

LIMITS = SpoolLimits(bytes_max=1 << 20, segment_bytes=900)
Operation = tuple[str, int]
operations = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(0, 400)),
        st.tuples(st.just("ack"), st.integers(1, 5)),
        st.tuples(st.just("restart"), st.just(0)),
    ),
    max_size=40,
)


class Known(NamedTuple):
    """What the outside could have seen after a step."""

    active: Path
    size: int
    sequence: int
    acked: int


def newest(folder: Path) -> Path:
    return max(folder.glob("*.seg"))


def play(folder: Path, steps: list[Operation]) -> tuple[list[Known], dict[int, bytes]]:
    spool = Spool(folder, LIMITS)
    frames: dict[int, bytes] = {}
    history = [Known(newest(folder), newest(folder).stat().st_size, 0, 0)]
    for name, size in steps:
        if name == "append":
            sequence = spool.mark.sequence + 1
            frames[sequence] = bytes([sequence % 256]) * size
            spool.append(Mark(sequence, sequence, 0, 0, b"d" * 32), frames[sequence])
        elif name == "ack":
            spool.ack(min(spool.acked + size, spool.mark.sequence))
        else:
            spool.close()
            spool = Spool(folder, LIMITS)
        path = newest(folder)
        history.append(Known(path, path.stat().st_size, spool.mark.sequence, spool.acked))
    spool.close()
    return history, frames


@settings(max_examples=150, deadline=None)
@given(operations, st.floats(0, 1))
def test_a_crash_at_any_byte(steps: list[Operation], where: float) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "spool"
        history, frames = play(folder, steps)
        active = newest(folder)
        here = [known for known in history if known.active == active]
        # A segment appears whole: no crash leaves less than its head.
        least = min(here[0].size, _head_bytes(active))
        cut = least + round(where * (active.stat().st_size - least))
        with active.open("r+b") as file:
            file.truncate(cut)

        found = Spool(folder, LIMITS)

        # What older segments held is safe; of the active one, what stands before the cut.
        survived = [known for known in here if known.size <= cut]
        floor = survived[-1] if survived else history[max(0, len(history) - len(here) - 1)]
        assert found.mark.sequence >= floor.sequence
        assert found.acked >= floor.acked
        stored = found.read(found.acked, 1_000)
        wanted = range(found.acked + 1, found.mark.sequence + 1)
        assert [one.sequence for one in stored] == list(wanted)
        assert all(one.frame == frames[one.sequence] for one in stored)
        assert found.pending == len(stored)
        found.append(Mark(found.mark.sequence + 1, 0, 0, 0, b"e" * 32), b"next")
        assert found.read(found.mark.sequence - 1, 9)[0].frame == b"next"
        found.close()
        shutil.rmtree(folder)


TIGHT = SpoolLimits(bytes_max=3_000, segment_bytes=700)


@settings(max_examples=100, deadline=None)
@given(operations)
def test_a_spool_keeps_its_bound_and_the_newest(steps: list[Operation]) -> None:
    """A model of what is kept: of the numbers above the last decided, a tail without holes."""
    with tempfile.TemporaryDirectory() as name:
        folder, acked, last = Path(name), 0, 0
        spool = Spool(folder, TIGHT)
        for step, size in steps:
            if step == "append":
                last += 1
                spool.append(Mark(last, last, 0, 0, b"d" * 32), bytes(size))
            elif step == "ack":
                acked = max(acked, min(spool.acked + size, last))
                spool.ack(acked)
            else:
                spool.close()
                spool = Spool(folder, TIGHT)
            kept = [one.sequence for one in spool.read(spool.acked, 1_000)]
            assert kept == list(range(spool.acked + 1, last + 1))
            # What was neither decided nor kept was dropped, and is skipped: a gap that is told.
            assert spool.acked >= acked
            assert spool.size_bytes == sum(one.stat().st_size for one in folder.glob("*.seg"))
            # Words of what was decided are small, and may pass the bound until the next frame.
            assert spool.size_bytes <= TIGHT.bytes_max + 5 * 32
            assert step != "append" or spool.size_bytes <= TIGHT.bytes_max
        spool.close()


def _head_bytes(path: Path) -> int:
    data = path.read_bytes()
    for end in range(len(data) + 1):
        if read_segment(data[:end]).end:
            return end
    raise AssertionError("expected a head")
