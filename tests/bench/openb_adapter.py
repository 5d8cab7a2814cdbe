"""The production engine under the evaluator of the openb trace: one site, its step, nothing else.

It is told each request as it comes and never the mix; a pod that has no room is declined.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hexi_scheduler.domain.facts import Server, ServerSet, SiteFacts
from hexi_scheduler.domain.packing.rules import PackingRules
from hexi_scheduler.domain.place.place_commands import Place, PlaceItem
from hexi_scheduler.domain.place.policy import Packing
from hexi_scheduler.domain.place.site import Site
from hexi_scheduler.domain.place.step_place import step
from hexi_scheduler.domain.placement import Placement, PlacementState
from hexi_scheduler.domain.workload import WHOLE, Demand, Resources, Workload
from hexi_scheduler.settings import packing_rules

from tests.bench.openb_trace import Pod

FACTS = SiteFacts(1, True, "openb")


class Engine:
    """Place as the evaluator asks for it: a pod in, a node and its devices out."""

    def __init__(self, state: Any, rules: PackingRules) -> None:
        self._policy = Packing(rules)
        self._site = Site("openb")
        self._count = 0
        self._demands: dict[object, Demand] = {}
        columns = zip(state.model, state.cpu_cap, state.mem_cap, state.ngpu, strict=True)
        servers = tuple(
            Server("r", str(model), "fleet", int(cpu), int(memory), int(devices))
            for model, cpu, memory, devices in columns
        )
        for told in (FACTS, ServerSet(1, servers)):
            step(self._site, told, 0, self._policy)

    def __call__(self, state: Any, pod: Any) -> tuple[int, list[int]] | None:
        self._count += 1
        name = str(self._count)
        workload = Workload(name, "t", self._demand(pod))
        command = Place((PlaceItem(name, 1, workload),))
        placed = step(self._site, command, self._count, self._policy)[0]
        assert isinstance(placed, Placement)
        if placed.state is not PlacementState.PLACED:
            return None
        (part,) = placed.allocations
        return part.server, list(part.devices)

    def _demand(self, pod: Any) -> Demand:
        if isinstance(pod, Pod):
            asked = (pod.cpu_milli, pod.memory_mib, pod.devices, pod.milli or WHOLE, pod.models)
        else:
            models = tuple(sorted(filter(None, pod.spec.split("|"))))
            asked = (pod.cpu, pod.mem, pod.num, pod.milli or WHOLE, models)
        found = self._demands.get(asked)
        if found is None:
            found = self._demands[asked] = Demand(Resources(*asked))
        return found


def production(rules: PackingRules) -> Callable[[Any], Engine]:
    return lambda state: Engine(state, rules)


def factory(state: Any, pods: Any, rng: Any) -> Engine:
    """The default policy; `pods` and `rng` stay unread."""
    return Engine(state, packing_rules())
