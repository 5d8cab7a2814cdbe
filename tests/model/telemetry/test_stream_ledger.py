"""Goal: sent = accepted + refused + missing, whatever comes and whenever the process dies.

Method: a state machine plays agent, forger, log and ledger; crashes fall between log and ledger.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hexi_telemetry.domain.arrival import Arrival, Peer
from hexi_telemetry.domain.check import Bounds, Site
from hexi_telemetry.domain.decide import Circumstances, decide
from hexi_telemetry.domain.frame import Frame, Metric, Reason, Refusal
from hexi_telemetry.domain.silence import Beat
from hexi_telemetry.domain.stream import Ahead, Stream, StreamKey
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

KEY = StreamKey("lanzhou", "1", 1)
NOW_MS = 1_800_000_000_000
SITE = Site("lanzhou", True, 1, {1: 1})
WATTS = {Metric.POWER_W: np.array([250.0], np.float32)}
FRAME = Frame("lanzhou", "1", 1, 1, 1, NOW_MS, 10_000, 0, 1, WATTS, None, 0, 0, b"", b"")


class Ledger(RuleBasedStateMachine):
    """`log` and `stored` survive a crash, `stream` does not."""

    def __init__(self) -> None:
        super().__init__()
        self.log: list[tuple[int, bytes]] = []
        self.stored = Stream(KEY)
        self.stream = self.stored.copy()
        self.gaps: list[int] = []
        self.spool: dict[int, Frame] = {}
        self.written = 0
        self.resumed_at = 1
        self.head = b""

    @rule(early=st.booleans(), lost=st.booleans())
    def write(self, early: bool, lost: bool) -> None:
        """The agent writes a frame; it may be wrong, or lost before it is sent."""
        self.written += 1
        frame = replace(
            FRAME,
            sequence=self.written,
            observed_at_ms=NOW_MS + early * 10**9,
            previous_digest=self.head,
            digest=f"d{self.written}".encode(),
        )
        self.head = frame.digest
        if not lost:
            self.spool[self.written] = frame

    @rule(count=st.integers(1, 5), crash=st.sampled_from(["", "before log", "after log"]))
    def push(self, count: int, crash: str) -> None:
        """The agent sends what it has from where it stands."""
        start = max(self.resumed_at, self.stream.decided_through + 1)
        numbers = [n for n in sorted(self.spool) if n >= start][:count]
        self.arrive([Arrival(b"", self.spool[n].digest, self.spool[n]) for n in numbers], crash)

    @precondition(lambda self: self.written > 0)
    @rule(data=st.data())
    def send_again(self, data: st.DataObject) -> None:
        number = data.draw(st.integers(1, self.written))
        if number in self.spool and number <= self.stream.decided_through:
            self.arrive([Arrival(b"", self.spool[number].digest, self.spool[number])], "")

    @rule(ahead=st.integers(0, 4))
    def forge(self, ahead: int) -> None:
        number = self.stream.decided_through + ahead
        frame = replace(FRAME, sequence=number, digest=b"forged")
        refusal = Refusal(Reason.SIGNATURE, "forged")
        self.arrive([Arrival(b"", b"forged", frame, refusal, number)], "")

    def arrive(self, arrivals: list[Arrival], crash: str) -> None:
        peer = Peer(KEY, "agent", "agent", self.resumed_at)
        bounds = Bounds(60_000, 60_000)
        around = Circumstances(peer, SITE, bounds, NOW_MS, lambda *_: [])
        decided = decide(self.stream, arrivals, around)
        if crash == "before log":
            return self.restart()
        self.log += [(a.frame.sequence, a.digest) for a in decided.accepted if a.frame]
        if crash == "after log":
            return self.restart()
        self.gaps += [n for _, gap in decided.gaps for n in range(gap.first, gap.last + 1)]
        self.stream = decided.stream
        self.stored = self.stream.copy()
        return None

    def restart(self) -> None:
        """The next process knows the row and what the log has beyond it."""
        row = self.stored
        ahead = {
            n: Ahead(d, Beat(0, NOW_MS, 10_000)) for n, d in self.log if n > row.decided_through
        }
        self.stream = Stream(
            KEY, row.decided_through, row.head, row.accepted, row.refused, row.missing, 0, ahead
        )
        self.stream.fold_ahead()
        self.stored = self.stream.copy()
        self.resumed_at = self.stream.decided_through + 1

    @invariant()
    def every_number_is_counted(self) -> None:
        stream = self.stream
        assert stream.accepted + stream.refused + stream.missing == stream.decided_through

    @invariant()
    def no_frame_stands_twice_on_the_log(self) -> None:
        numbers = [number for number, _ in self.log]
        assert len(set(numbers)) == len(numbers)

    @invariant()
    def log_and_gaps_make_up_all_that_is_decided(self) -> None:
        logged = {number for number, _ in self.log}
        gone = set(self.gaps)
        assert len(gone) == len(self.gaps)
        assert not logged & gone
        decided = set(range(1, self.stream.decided_through + 1))
        assert decided <= logged | gone
        assert b"forged" not in {digest for _, digest in self.log}


Ledger.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestLedger = Ledger.TestCase
