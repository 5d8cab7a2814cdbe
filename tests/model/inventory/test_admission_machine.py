"""Goal: no order of steps lets a site in against the rules or back from withdrawal.

Method: a state machine over the pure steps, with findings that come and go.
"""

from __future__ import annotations

from hexi_inventory.domain import admission
from hexi_inventory.domain.admission import LEGAL, State
from hexi_inventory.domain.rules import Finding
from hexi_kit.errors import FailedPrecondition
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

# What changed facts and failed checks may do besides the legal steps.
BY_RULE = {
    (State.CONFORMED, State.APPLIED),
    (State.ADMITTED, State.SUSPENDED),
}


def finding(passed: bool, advisory: bool = False) -> Finding:
    return Finding("r", "pue", "1.4", "at most 1.25", "ratio", "2022-09-23", "s", passed, advisory)


class AdmissionMachine(RuleBasedStateMachine):
    @initialize(fit=st.booleans())
    def register(self, fit: bool) -> None:
        self.fit, self.withdrawn = fit, False
        self.state = admission.after_facts(None, self.findings)
        self.history = [self.state]

    @property
    def findings(self) -> tuple[Finding, ...]:
        return (finding(self.fit), finding(False, advisory=True))

    def move(self, state: State) -> None:
        before, self.state = self.state, state
        if before is not state:
            assert (before, state) in LEGAL | BY_RULE
        self.history.append(state)

    @precondition(lambda self: not self.withdrawn)
    @rule(fit=st.booleans())
    def change_facts(self, fit: bool) -> None:
        self.fit = fit
        self.move(admission.after_facts(self.state, self.findings))

    @precondition(lambda self: not self.withdrawn)
    @rule()
    def check(self) -> None:
        self.move(admission.after_check(self.state, self.findings))
        assert self.fit or self.state not in (State.CONFORMED, State.ADMITTED)

    @rule(wanted=st.sampled_from(State))
    def decide(self, wanted: State) -> None:
        try:
            state = admission.decide(self.state, wanted, self.findings)
        except FailedPrecondition:
            return
        assert (self.state, state) in LEGAL
        assert self.fit or state is not State.ADMITTED
        self.move(state)
        self.withdrawn = state is State.WITHDRAWN

    @rule()
    def nobody_comes_back(self) -> None:
        if not self.withdrawn:
            return
        for step in (admission.after_facts, admission.after_check):
            try:
                step(self.state, self.findings)
            except FailedPrecondition:
                continue
            raise AssertionError("a withdrawn site moved")

    @invariant()
    def admitted_sites_were_conformed(self) -> None:
        if State.ADMITTED in self.history:
            assert State.CONFORMED in self.history[: self.history.index(State.ADMITTED)]


AdmissionMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=20)
TestAdmissionMachine = AdmissionMachine.TestCase
