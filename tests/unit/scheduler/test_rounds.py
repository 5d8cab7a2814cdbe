"""Rounds: nothing twice in one, nothing owed before it stands, nothing next before all is paid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hexi_scheduler.stream.rounds import Rounds


class Log:
    """Writes down what happens in which order."""

    def __init__(self) -> None:
        self.happened: list[object] = []

    async def append_many(self, entries: Mapping[int, Sequence[tuple[bytes, bytes]]]) -> None:
        self.happened.append({p: [key for key, *_ in part] for p, part in entries.items()})

    async def pay(self, owed: Sequence[str]) -> None:
        self.happened.append(list(owed))


async def settled(rounds: Rounds[str]) -> list[object]:
    log = Log()
    await rounds.settle(log, log.pay)
    return log.happened


async def test_one_round_appends_all_partitions_at_once_and_then_pays() -> None:
    rounds: Rounds[str] = Rounds("test")
    rounds.write(1, (b"a", b"1"), ["pay a"])
    rounds.write(2, (b"a", b"2"), [])
    rounds.write(1, (b"b", b"3"), ["pay b"])

    assert await settled(rounds) == [{1: [b"a", b"b"], 2: [b"a"]}, ["pay a", "pay b"]]


async def test_a_key_written_again_waits_for_the_next_round() -> None:
    rounds: Rounds[str] = Rounds("test")
    rounds.write(1, (b"a", b"1"), ["first"])
    rounds.write(1, (b"a", b"2"), ["second"])
    rounds.write(2, (b"z", b"3"), ["other"])

    assert await settled(rounds) == [
        {1: [b"a"], 2: [b"z"]},
        ["first", "other"],
        {1: [b"a"]},
        ["second"],
    ]


async def test_a_sealed_partition_goes_on_in_the_next_round() -> None:
    rounds: Rounds[str] = Rounds("test")
    rounds.write(1, (b"clock", b"1"), ["windows"])
    rounds.seal(1)
    rounds.write(1, (b"a", b"1"), [])

    assert await settled(rounds) == [{1: [b"clock"]}, ["windows"], {1: [b"a"]}]


async def test_old_debts_are_paid_without_a_new_entry_and_nothing_is_nothing() -> None:
    rounds: Rounds[str] = Rounds("test")
    rounds.owe(3, ["again"])

    assert await settled(rounds) == [["again"]]
    assert await settled(Rounds("test")) == []
