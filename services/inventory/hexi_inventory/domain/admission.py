"""The steps of a site's admission: which may follow which, and who may take them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from hexi_kit.errors import FailedPrecondition

from hexi_inventory.domain.rules import Finding, refusals
from hexi_inventory.domain.site import SiteClass

SHOWN_REFUSALS_MAX = 3


class State(IntEnum):
    """Numbers are those of the wire."""

    APPLIED = 1
    CONFORMED = 2
    ADMITTED = 3
    SUSPENDED = 4
    WITHDRAWN = 5


LEGAL = frozenset(
    {
        (State.APPLIED, State.CONFORMED),
        (State.CONFORMED, State.CONFORMED),
        (State.CONFORMED, State.ADMITTED),
        (State.ADMITTED, State.SUSPENDED),
        (State.SUSPENDED, State.ADMITTED),
        (State.APPLIED, State.WITHDRAWN),
        (State.CONFORMED, State.WITHDRAWN),
        (State.ADMITTED, State.WITHDRAWN),
        (State.SUSPENDED, State.WITHDRAWN),
    }
)


@dataclass(frozen=True, slots=True)
class Admission:
    """One step with its evidence; `step` counts from 1 for each site."""

    site_id: str
    step: int
    state: State
    site_class: SiteClass
    rule_set: str
    findings: tuple[Finding, ...]
    decided_by: str
    reason: str
    decided_at_ms: int
    site_revision: int


def after_facts(state: State | None, findings: tuple[Finding, ...]) -> State:
    """Where a site stands once its facts have changed: what was approved must still be true."""
    match state:
        case None | State.APPLIED | State.CONFORMED:
            return State.APPLIED
        case State.ADMITTED if refusals(findings):
            return State.SUSPENDED
        case State.WITHDRAWN:
            raise FailedPrecondition("the site was withdrawn and cannot come back", "state")
        case _:
            return state


def after_check(state: State, findings: tuple[Finding, ...]) -> State:
    """Where a site stands once the rules have been looked at."""
    failed = bool(refusals(findings))
    match state:
        case State.APPLIED | State.CONFORMED:
            return State.APPLIED if failed else State.CONFORMED
        case State.ADMITTED:
            return State.SUSPENDED if failed else state
        case State.SUSPENDED:
            return state
        case State.WITHDRAWN:
            raise FailedPrecondition("the site was withdrawn and cannot come back", "state")


def decide(state: State, wanted: State, findings: tuple[Finding, ...]) -> State:
    """A supervisor's decision; nobody is admitted against a rule."""
    if wanted not in (State.ADMITTED, State.SUSPENDED, State.WITHDRAWN):
        raise FailedPrecondition(f"{wanted.name} is reached by rules, not by decision", "state")
    failed = refusals(findings)
    if wanted is State.ADMITTED and failed:
        told = "; ".join(map(str, failed[:SHOWN_REFUSALS_MAX]))
        raise FailedPrecondition(f"the site does not conform: {told}", failed[0].rule_id)
    if (state, wanted) not in LEGAL:
        raise FailedPrecondition(
            f"expected a step that may follow {state.name}, was {wanted.name}", "state"
        )
    return wanted
