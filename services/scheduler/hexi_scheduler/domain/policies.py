"""All dated policies that a worker is given."""

from __future__ import annotations

from typing import NamedTuple

from hexi_scheduler.domain.conditions import ConditionRules
from hexi_scheduler.domain.route_policy import RoutePolicy
from hexi_scheduler.domain.rules import Rules


class Policies(NamedTuple):
    """What ROUTE weighs, what takes servers out, and who goes first."""

    route: RoutePolicy
    conditions: ConditionRules
    fair: Rules
