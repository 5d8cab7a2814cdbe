"""Finds out, link by link, which resources of a controller are worth asking again and again."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Collection, Iterator
from typing import NamedTuple

from hexi_agent.sources.findings import Finding
from hexi_agent.sources.redfish.document import Document, link, members, type_of
from hexi_agent.sources.redfish.place import ROOT

RESOURCES_MAX = 2_000
EXPAND = "?$expand=.($levels=1)"
# Never another host, never out of the tree.
_PATH = re.compile(r"^/redfish/v1/(?!.*\.\./)[^?#\s\\%]{1,500}$")


class _Link(NamedTuple):
    key: str
    wanted: str  # one of Collect; empty: always
    is_leaf: bool = False


_LINKS: dict[str, tuple[_Link, ...]] = {
    "ServiceRoot": (
        _Link("Chassis", ""),
        _Link("Systems", ""),
        _Link("PowerEquipment", "supplies"),
        _Link("TelemetryService", "reports"),
    ),
    "Chassis": (
        _Link("Sensors", "sensors"),
        _Link("Power", "power", True),
        _Link("Thermal", "thermal", True),
        _Link("EnvironmentMetrics", "environment", True),
        _Link("ThermalSubsystem", "thermal"),
        _Link("PowerSubsystem", "supplies"),
    ),
    "ComputerSystem": (_Link("Processors", "processors"), _Link("Memory", "memory")),
    "Memory": (_Link("Metrics", "memory", True),),
    "PowerDistribution": (_Link("Metrics", "", True), _Link("Sensors", "sensors")),
    "PowerEquipment": (
        _Link("FloorPDUs", ""),
        _Link("PowerShelves", ""),
        _Link("RackPDUs", ""),
    ),
    "PowerSubsystem": (_Link("PowerSupplies", ""),),
    "PowerSupply": (_Link("Metrics", "", True),),
    "Processor": (
        _Link("Metrics", "processors", True),
        _Link("EnvironmentMetrics", "environment", True),
    ),
    "TelemetryService": (_Link("MetricReports", "reports"),),
    "ThermalSubsystem": (_Link("ThermalMetrics", "thermal", True),),
}
_LEAF_COLLECTIONS = ("SensorCollection", "MetricReportCollection")


class Crawl:
    """Ask `todo` until it is empty; what is to be asked every period is then in `plan`.

    A path leaves `todo` when it was learnt or given up, so a look that broke off goes on later.
    """

    def __init__(self, collect: Collection[str]) -> None:
        self.todo: deque[str] = deque([ROOT])
        self.plan: list[str] = []
        self.findings: list[Finding] = []
        self._collect = collect
        self._seen, self._postponed = {ROOT}, set[str]()
        self._expands = False

    def give_up(self, path: str) -> None:
        """It is not there, or not for us."""
        if self.todo and self.todo[0] == path:
            self.todo.popleft()

    def postpone(self, path: str) -> None:
        """It did not answer: once more after the others, then no more."""
        self.give_up(path)
        if path not in self._postponed:
            self._postponed.add(path)
            self.todo.append(path)

    def learn(self, path: str, document: Document) -> None:
        self.give_up(path)
        kind = type_of(document)
        if kind == "ServiceRoot":
            self._expands = _says_it_expands(document)
        if kind in _LEAF_COLLECTIONS:
            self._learn_leaves(path, kind, document)
        elif kind.endswith("Collection"):
            self.todo.extend(self._new(members(document, "Members")))
        for way in _LINKS.get(kind, ()):
            target = document.get(way.key)
            if isinstance(target, dict) and (not way.wanted or way.wanted in self._collect):
                (self.plan if way.is_leaf else self.todo).extend(self._new([target]))

    def _learn_leaves(self, path: str, kind: str, document: Document) -> None:
        found = list(members(document, "Members"))
        if any("Reading" in one for one in found):
            # Some show their members whole without being asked to.
            self.plan.append(path)
            return
        if kind == "SensorCollection" and self._expands and not path.endswith(EXPAND):
            # Asked to prove it: some say that they expand, and do not.
            self.todo.appendleft(path + EXPAND)
            return
        self.plan.extend(self._new(found))

    def _new(self, targets: Collection[Document] | Iterator[Document]) -> Iterator[str]:
        for target in targets:
            path = link(target.get("@odata.id")).rstrip("/")
            if path in self._seen:
                continue
            if not _PATH.match(path):
                self.findings.append(Finding("foreign-link", path, "expected a path of this tree"))
            elif len(self._seen) >= RESOURCES_MAX:
                self.findings.append(Finding("too-large", path, f"over {RESOURCES_MAX} resources"))
                return
            else:
                self._seen.add(path)
                yield path


def _says_it_expands(root: Document) -> bool:
    features = root.get("ProtocolFeaturesSupported")
    expand = features.get("ExpandQuery") if isinstance(features, dict) else None
    return isinstance(expand, dict) and expand.get("NoLinks") is True
