"""Goal: the audit believes a frame only on the word of its agent's certificate. Method: one lie at
a time in an honest log."""

from __future__ import annotations

from pathlib import Path

import pytest
from hexi.telemetry.v1 import telemetry_pb2 as pb
from hexi_agent.frame import FrameSigner
from hexi_agent.keys import DAY_MS, FrameKeys, KeyRules
from hexi_agent.spool import StreamName
from hexi_demo.audit import signatures
from hexi_demo.audit.log import Entry
from hexi_kit.identity import Identity, Principal
from hexi_kit.testing.pki import Pki

NAME = StreamName("lanzhou", "1", 1)


class Log:
    """What an agent that rotates its key after five frames leaves on the two topics."""

    def __init__(self, folder: Path) -> None:
        self.pki = Pki(folder)
        self.identity = self.pki.identity(Principal("agent", "1", "lanzhou"))
        self.keys = FrameKeys(folder, KeyRules())
        self.statements: list[pb.SignedKeyStatement] = []
        self.frames: list[pb.SignedFrame] = []
        signer = FrameSigner(self.identity, self.keys)
        for sequence in range(1, 9):
            self.keys.cover(1, sequence, 0, sequence // 6 * 31 * DAY_MS)
            for request in signer.requests(NAME, sequence, self.frame(sequence)):
                if request.HasField("key"):
                    self.statements.append(request.key)
                else:
                    self.frames.append(request.frame)

    def frame(self, sequence: int) -> bytes:
        frame = pb.Frame(site_id="lanzhou", agent_id="1", epoch=1, sequence=sequence)
        return frame.SerializeToString()

    def stated_by(self, identity: Identity) -> list[pb.SignedKeyStatement]:
        signer = FrameSigner(identity, self.keys)
        return [signer.statement(NAME, self.keys.of(1, sequence)) for sequence in (1, 6)]

    def broken(self) -> tuple[str, ...]:
        statements = [Entry(0, n, "lanzhou", one) for n, one in enumerate(self.statements)]
        frames = [Entry(0, n, "lanzhou", one) for n, one in enumerate(self.frames)]
        [found] = signatures.checks(statements, frames, self.identity.authority())
        assert found.passed == (not found.examples)
        return found.examples


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path)


def test_an_honest_log_proves_itself_in_any_order(log: Log) -> None:
    assert (len(log.statements), len(log.frames)) == (2, 8)
    assert log.broken() == ()
    log.statements = [*reversed(log.statements), *log.stated_by(log.identity)]
    assert log.broken() == ()


def test_a_frame_of_the_old_key_behind_the_new_one_is_seen(log: Log) -> None:
    old, frame = log.keys.of(1, 1), log.frame(9)
    signature, key_id = old.private.sign(frame), old.private.key_id
    log.frames.append(pb.SignedFrame(frame=frame, algorithm=2, signature=signature, key_id=key_id))

    assert len(log.broken()) == 1


def test_a_changed_frame_and_a_frame_without_a_key_are_seen(log: Log) -> None:
    log.frames[2].frame = log.frame(4)
    assert len(log.broken()) == 1
    log.statements = log.statements[1:]
    assert len(log.broken()) == 5


def test_who_is_not_the_agent_states_nothing(log: Log) -> None:
    neighbour = log.pki.identity(Principal("agent", "2", "lanzhou"))
    stranger = log.pki.foreign(Principal("agent", "1", "lanzhou"))
    for thief in (neighbour, stranger):
        log.statements = log.stated_by(thief)
        assert any("proves nothing" in one for one in log.broken())


def test_an_empty_log_is_no_proof(log: Log) -> None:
    log.frames = []
    assert log.broken() == ("nothing was there to check",)
