"""Which servers a demand loses to each filter, and the nearest miss in each dimension.

Whatever is asked of all servers is one vector, so that a million of them are looked at in passing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hexi_scheduler.domain.explain.fleet import Fleet, Ints, Kind, Stock
from hexi_scheduler.domain.facts import Condition
from hexi_scheduler.domain.why import FilterCount, Miss
from hexi_scheduler.domain.workload import WHOLE, Demand, Resources

Bools = NDArray[np.bool_]

DIMENSIONS = ("accelerators", "device_share", "cpu", "memory")
ORDER = ("model", "price", "condition", *DIMENSIONS, "gang")


class Looked(NamedTuple):
    """What became of the servers of the open sites."""

    filters: tuple[FilterCount, ...]
    misses: tuple[Miss, ...]
    replicas: dict[str, int]  # sites, and how many replicas would fit there now


class Wanted(NamedTuple):
    """Classes of a site that no filter of ROUTE removes; those too dear are told apart."""

    classes: frozenset[str]
    too_dear: frozenset[str] = frozenset()


class _Test(NamedTuple):
    dimension: str
    column: Ints
    asked: int


class _Tally:
    """Servers lost to each filter; sites that have some left behind it; and what would fit."""

    def __init__(self) -> None:
        self.lost: Counter[str] = Counter()
        self.left: defaultdict[str, set[str]] = defaultdict(set)
        self.roomy: dict[str, int] = {}
        self.replicas: dict[str, int] = {}

    def narrow(self, name: str, stock: Stock, rows: Bools, fits: Bools) -> Bools:
        left = rows & fits
        self.lost[name] += int(np.count_nonzero(rows)) - int(np.count_nonzero(left))
        self.left[name] |= stock.sites_with(left)
        return left

    def hold(self, site_id: str, servers: int, replicas: int, demand: Demand) -> None:
        self.roomy[site_id] = self.roomy.get(site_id, 0) + servers
        more = self.replicas.get(site_id, 0) + replicas
        self.replicas[site_id] = min(demand.replicas, more)

    def filters(self, sites: Iterable[str], demand: Demand) -> tuple[FilterCount, ...]:
        """A site counts for the filter that took its last server."""
        for site_id, servers in self.roomy.items():
            if self.replicas[site_id] >= demand.replicas:
                self.left["gang"].add(site_id)
            else:
                self.lost["gang"] += servers
        found = []
        before = set(sites)
        for name in ORDER:
            if name in self.left or self.lost[name]:
                after = before & self.left[name]
                found.append(FilterCount(name, len(before) - len(after), self.lost[name]))
                before = after
        return tuple(f for f in found if f.sites_removed or f.servers_removed)


def look(fleet: Fleet, demand: Demand, sites: Mapping[str, Wanted]) -> Looked:
    """Filter by filter: class, price, condition, then what is free."""
    tally = _Tally()
    nearest: dict[str, Miss] = {}
    barred: Counter[str] = Counter()
    for kind, stock in fleet.stocks.items():
        rows = _open(stock, kind, demand, sites, tally)
        if rows is None:
            continue
        _count_barred(stock, demand.resources, rows, barred)
        rows = tally.narrow("condition", stock, rows, stock.rows.barred == 0)
        for miss in _filter(stock, demand, rows, tally):
            known = nearest.get(miss.dimension)
            if known is None or (miss.alone, miss.found) > (known.alone, known.found):
                nearest[miss.dimension] = miss
    best = max(tally.replicas.items(), key=lambda found: found[1], default=("", 0))
    if 0 < best[1] < demand.replicas:
        nearest["gang"] = Miss("gang", best[0], demand.replicas, best[1])
    if barred["all"]:
        total = barred.pop("all")
        names = tuple(f"{name} {count}" for name, count in sorted(barred.items()))
        nearest["condition"] = Miss("condition", "", 0, total, names=names)
    misses = tuple(nearest[name] for name in ORDER if name in nearest)
    return Looked(tally.filters(_known(fleet, sites), demand), misses, tally.replicas)


def _known(fleet: Fleet, sites: Iterable[str]) -> list[str]:
    return [site_id for site_id in sites if fleet.servers(site_id)]


def _open(
    stock: Stock, kind: Kind, demand: Demand, sites: Mapping[str, Wanted], tally: _Tally
) -> Bools | None:
    """Rows of sites that want this class; None when there are none."""
    class_id, executor = kind
    rows = None
    for site_id, span in stock.spans.items():
        wanted = sites.get(site_id)
        if wanted is None:
            continue
        count = span.stop - span.start
        is_wanted = executor == demand.constraints.executor and class_id in wanted.classes
        is_dear = executor == demand.constraints.executor and class_id in wanted.too_dear
        if is_wanted or is_dear:
            tally.left["model"].add(site_id)
        if is_wanted:
            tally.left["price"].add(site_id)
            if rows is None:
                rows = np.zeros(len(stock.rows.server), np.bool_)
            rows[span] = True
        else:
            tally.lost["price" if is_dear else "model"] += count
    return rows


def _count_barred(stock: Stock, asked: Resources, rows: Bools, barred: Counter[str]) -> None:
    """Servers that have room and lack nothing but being in service, by what keeps them out."""
    here = np.flatnonzero(rows & (stock.rows.barred != 0))
    for test in _tests(stock, asked):
        here = here[test.column[here] >= test.asked]
    out = stock.rows.barred[here]
    barred["all"] += len(out)
    for condition in Condition:
        count = int(np.count_nonzero(out & (1 << condition)))
        if count:
            barred[condition.name.lower()] += count


def _filter(stock: Stock, demand: Demand, rows: Bools, tally: _Tally) -> list[Miss]:
    asked = demand.resources
    in_service = rows
    passed = [(test, test.column >= test.asked) for test in _tests(stock, asked)]
    for test, fits in passed:
        rows = tally.narrow(test.dimension, stock, rows, fits)
    if asked.accelerators > 1 and asked.device_milli < WHOLE:
        rows = tally.narrow("device_share", stock, rows, _several(stock, asked, rows))
    roomy = stock.sites_with(rows)
    held = _replicas(stock, rows, demand) if roomy and demand.replicas > 1 else None
    for site_id in sorted(roomy):
        span = stock.spans[site_id]
        servers = int(np.count_nonzero(rows[span]))
        tally.hold(site_id, servers, servers if held is None else int(held[span].sum()), demand)
    found = (_nearest(stock, n, passed, in_service) for n in range(len(passed)))
    return [miss for miss in found if miss]


def _tests(stock: Stock, asked: Resources) -> list[_Test]:
    rows = stock.rows
    tests = [
        _Test("cpu", rows.cpu_milli, asked.cpu_milli),
        _Test("memory", rows.memory_mib, asked.memory_mib),
    ]
    if asked.accelerators and asked.device_milli >= WHOLE:
        tests.insert(0, _Test("accelerators", rows.whole, asked.accelerators))
    elif asked.accelerators:
        tests.insert(0, _Test("device_share", rows.largest, asked.device_milli))
    return tests


def _several(stock: Stock, asked: Resources, rows: Bools) -> Bools:
    """Rows with a share free on several devices."""
    found = np.zeros_like(rows)
    for site_id, span in stock.spans.items():
        here = np.flatnonzero(rows[span])
        free = stock.devices[site_id][here] >= asked.device_milli
        found[span.start + here[free.sum(1) >= asked.accelerators]] = True
    return found


def _replicas(stock: Stock, roomy: Bools, demand: Demand) -> Ints:
    """How many replicas each server holds; none where a filter took it away."""
    asked, rows, here = demand.resources, stock.rows, np.flatnonzero(roomy)
    per_server_max = demand.constraints.replicas_per_server_max or demand.replicas
    most = np.minimum(per_server_max, rows.cpu_milli[here] // max(1, asked.cpu_milli))
    if asked.memory_mib:
        most = np.minimum(most, rows.memory_mib[here] // asked.memory_mib)
    if asked.accelerators and asked.device_milli >= WHOLE:
        most = np.minimum(most, rows.whole[here] // asked.accelerators)
    held = np.zeros(len(roomy), np.int32)
    held[here] = most
    return held


def _nearest(
    stock: Stock, number: int, passed: list[tuple[_Test, Bools]], in_service: Bools
) -> Miss | None:
    """The server that lacks least of this; one that lacks nothing else, if there is one."""
    test, fits = passed[number]
    short = in_service & ~fits
    alone = short.copy()
    for other, (_, also) in enumerate(passed):
        if other != number:
            alone &= also
    is_alone = bool(alone.any())
    rows = alone if is_alone else short
    if not is_alone and not rows.any():
        return None
    # A product is far faster than a choice; plus one, so that nothing free beats no row.
    best = int(((test.column + 1) * rows).argmax())
    site_id = next(name for name, span in stock.spans.items() if best < span.stop)
    server = int(stock.rows.server[best])
    return Miss(test.dimension, site_id, test.asked, int(test.column[best]), server, is_alone)
