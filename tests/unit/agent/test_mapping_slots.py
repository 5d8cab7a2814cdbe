"""Goal: a series keeps its slot, however many others there are. Method: hypothesis beside a plain
dictionary, on both sides of the bound where the way of keeping them changes."""

from __future__ import annotations

from hexi_agent.mapping.slots import FEW, Slots
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

SUBJECTS, IDENTITIES = st.integers(0, 2), st.integers(0, 2 * FEW)


class SlotsMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.slots, self.known = Slots(), dict[tuple[int, int], int]()

    @rule(subject=SUBJECTS, identity=IDENTITIES)
    def put(self, subject: int, identity: int) -> None:
        if (subject, identity) not in self.known:
            self.known[subject, identity] = len(self.known) * 7
            self.slots.put(subject, identity, self.known[subject, identity])

    @rule(subject=SUBJECTS, first=IDENTITIES)
    def put_many(self, subject: int, first: int) -> None:
        for identity in range(first, first + FEW):
            self.put(subject, identity)

    @rule(subject=SUBJECTS, identity=IDENTITIES)
    def remove(self, subject: int, identity: int) -> None:
        if self.known.pop((subject, identity), None) is not None:
            self.slots.remove(subject, identity)

    @rule(subject=SUBJECTS, identity=IDENTITIES)
    def look(self, subject: int, identity: int) -> None:
        found = self.slots.get(subject, identity)
        assert found == self.known.get((subject, identity), -1)

    @invariant()
    def counts_them(self) -> None:
        assert len(self.slots) == len(self.known)

    def teardown(self) -> None:
        for (subject, identity), slot in self.known.items():
            assert self.slots.get(subject, identity) == slot


TestSlots = SlotsMachine.TestCase
TestSlots.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
