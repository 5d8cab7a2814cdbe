"""What ROUTE weighs and by how much: one dated set of numbers, and those announced after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from hexi_scheduler.domain.hours import day
from hexi_scheduler.domain.workload import GENERAL, Workload


class RoutePolicy(NamedTuple):
    """Weights in force from a date on; `unit_power_w` of a class not named is `power_w_other`."""

    effective_from: str
    attempts_max: int
    energy_micro_yuan_per_kwh: int
    carbon_micro_yuan_per_kg: int
    latency_micro_yuan_per_ms: int
    power_w_general: int
    power_w_other: int
    unit_power_w: tuple[tuple[str, int], ...] = ()
    partitions: int = 16
    data_micro_yuan_per_gb: int = 0
    data_micro_yuan_per_gb_in_hub: int = 0
    risk_loss_milli: int = 0  # of a run that fails, how much was for nothing
    run_s_unknown: int = 3_600
    defer_saving_ppm_min: int = 0  # of what energy and carbon cost now
    defer_margin_s: int = 0  # kept free before the latest start
    pause_ahead_h: int = 0  # how far ahead runs are cut in pieces; 0: they are not
    pause_restart_s: int = 0  # what going on from a checkpoint takes
    domestic_classes: tuple[str, ...] = ()
    later: tuple[RoutePolicy, ...] = ()

    def at(self, at_ms: int) -> RoutePolicy:
        """The one in force then: a date begins at midnight in Shanghai."""
        if not self.later:
            return self
        today = day(at_ms)
        begun = [policy for policy in self.later if policy.effective_from <= today]
        return begun[-1]._replace(partitions=self.partitions) if begun else self

    def knows(self, models: tuple[str, ...]) -> bool:
        """Whether one of them is a class of ours: where no site has it, one may be on its way."""
        return any(class_id in models for class_id, _ in self.unit_power_w)

    def power_w(self, class_id: str) -> int:
        """What one unit of the class burns when it works."""
        other = self.power_w_general if class_id == GENERAL else self.power_w_other
        return dict(self.unit_power_w).get(class_id, other)

    def run_s(self, workload: Workload) -> int:
        """How long it will run, as far as its team has said."""
        return workload.duration_s or workload.duration_s_max or self.run_s_unknown


def dated_policy(entries: Sequence[Mapping[str, Any]]) -> RoutePolicy:
    """Entries in the order of their dates; each names what changes from then on.

    Raises:
        ValueError: dates out of order, or a weight that nobody knows.
    """
    dates = [entry["effective_from"] for entry in entries]
    if not dates or dates != sorted(set(dates)):
        raise ValueError(f"expected dates in order, each once, was {dates}")
    known: dict[str, Any] = {}
    dated = []
    for date, entry in zip(dates, entries, strict=True):
        known |= {name: _frozen(said["value"]) for name, said in entry["weights"].items()}
        unknown = known.keys() - set(RoutePolicy._fields)
        if unknown:
            raise ValueError(f"expected weights of ROUTE, was {sorted(unknown)}")
        dated.append(RoutePolicy(effective_from=date, **known))
    return dated[0]._replace(later=tuple(dated[1:]))


def _frozen(value: Any) -> Any:
    if isinstance(value, dict):
        return tuple(sorted(value.items()))
    return tuple(value) if isinstance(value, list) else value
