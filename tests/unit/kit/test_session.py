"""What a request of a session names, and what becomes of it when the broker forgets."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from aiokafka.errors import FetchSessionIdNotFound, InvalidFetchSessionEpoch, NoError
from aiokafka.protocol.fetch import FetchRequest_v11
from hexi_kit.kafka.ports import Partition
from hexi_kit.kafka.session import FIRST_EPOCH, FetchLimits, FetchSession

A0, A1, B0 = Partition("a", 0), Partition("a", 1), Partition("b", 0)
ID = 77


def asked(session: FetchSession, positions: dict[Partition, int]) -> Any:
    return session.request(positions).build(FetchRequest_v11)


def names(request: Any) -> dict[Partition, int]:
    """Partitions and offsets of a request."""
    return {
        Partition(topic, number): offset
        for topic, rows in request.topics
        for number, _, offset, *_ in rows
    }


def answer(error: Any = NoError, session_id: int = ID) -> Any:
    return SimpleNamespace(error_code=error.errno, session_id=session_id)


def opened(positions: dict[Partition, int]) -> FetchSession:
    session = FetchSession(FetchLimits())
    session.request(positions)
    assert session.answered(answer())
    return session


def test_the_first_request_names_all_and_opens() -> None:
    request = asked(FetchSession(FetchLimits()), {A0: 5, B0: 6})

    assert names(request) == {A0: 5, B0: 6}
    assert (request.session_id, request.session_epoch) == (0, FIRST_EPOCH)


def test_later_ones_name_what_moved_and_what_is_given_up() -> None:
    session = opened({A0: 5, A1: 1, B0: 6})

    request = asked(session, {A0: 9, A1: 1})

    assert names(request) == {A0: 9}
    assert [(topic, list(numbers)) for topic, numbers in request.forgotten_topics_data] == [
        ("b", [0])
    ]
    assert (request.session_id, request.session_epoch) == (ID, 1)


def test_a_partition_that_comes_back_is_named_again() -> None:
    session = opened({A0: 5, B0: 6})
    asked(session, {A0: 5})
    session.answered(answer())

    request = asked(session, {A0: 5, B0: 6})

    assert names(request) == {B0: 6}
    assert request.session_epoch == 2


def test_a_broker_that_forgot_is_asked_for_all() -> None:
    for error in (FetchSessionIdNotFound, InvalidFetchSessionEpoch):
        session = opened({A0: 5, B0: 6})
        asked(session, {A0: 5, B0: 6})

        assert not session.answered(answer(error))

        request = asked(session, {A0: 5, B0: 6})
        assert names(request) == {A0: 5, B0: 6}
        assert (request.session_id, request.session_epoch) == (ID, FIRST_EPOCH)


def test_after_a_lost_answer_all_is_asked_for() -> None:
    session = opened({A0: 5})
    asked(session, {A0: 9})
    session.lost()

    assert names(asked(session, {A0: 9})) == {A0: 9}


def test_a_broker_without_room_for_a_session_is_always_asked_for_all() -> None:
    session = FetchSession(FetchLimits())
    session.request({A0: 5})
    assert session.answered(answer(session_id=0))

    request = asked(session, {A0: 5})

    assert names(request) == {A0: 5}
    assert (request.session_id, request.session_epoch) == (0, FIRST_EPOCH)


def test_epochs_begin_again_behind_the_first() -> None:
    session = opened({A0: 5})
    session._epoch = 2**31 - 1
    assert session.answered(answer())

    assert asked(session, {A0: 5}).session_epoch == 1
