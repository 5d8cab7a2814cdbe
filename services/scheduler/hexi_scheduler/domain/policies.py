"""All dated policies that a worker is given."""

from __future__ import annotations

from typing import NamedTuple

from hexi_scheduler.domain.packing.rules import PackingRules
from hexi_scheduler.domain.place.conditions import ConditionRules
from hexi_scheduler.domain.route.route_policy import RoutePolicy
from hexi_scheduler.domain.rules import Rules


class Policies(NamedTuple):
    """What ROUTE weighs, what takes servers out, who goes first, and who stands where."""

    route: RoutePolicy
    conditions: ConditionRules
    fair: Rules
    packing: PackingRules
