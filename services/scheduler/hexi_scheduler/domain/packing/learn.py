"""Learns the mix of the work that comes, when enough has come; a decision like any other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from hexi_scheduler.domain.packing.mix import Bid, MixLearned, Seen, Shape
from hexi_scheduler.domain.packing.rules import PackingRules
from hexi_scheduler.domain.place.capacity import Capacity
from hexi_scheduler.domain.place.place_time import REMEMBER_MAX, REMEMBER_MS
from hexi_scheduler.domain.place.site import Site

COUNT = 256  # of one arrival: decay must not round what is rare away
PPM = 1_000_000
CHANGES_MAX = 5
LOOK_EVERY = 32
INTERVALS_MAX = 16  # so much longer when what is free stays
FADE_STEPS, SLACK_STEPS = 4, 10
WHOLE = 1_000


def learn(site: Site, at_ms: int, rules: PackingRules) -> MixLearned | None:
    """Anew when as much came as ever before; sooner when prices must be others by what is free."""
    came, first = site.arrivals.before(at_ms), rules.first_arrivals
    if came < first or not first:
        return None
    ever = site.mix.arrivals if site.mix else 0
    servers = len(site.capacity.servers)
    least = max(rules.interval_arrivals_min, servers * rules.interval_servers_ppm // PPM)
    as_ever = came >= min(max(first, ever), least * INTERVALS_MAX)
    if as_ever or (came >= least and came % LOOK_EVERY == 0 and _moved(site, rules)):
        return _learned(site, at_ms, rules)
    return None


def _moved(site: Site, rules: PackingRules) -> bool:
    """Whether enough devices came free or were taken that prices are others."""
    free = {(bid.class_id, bid.executor): bid.device_milli_free for bid in _bids(site)}
    pools = site.capacity.pools.items()
    moved = sum(abs(pool.device_milli - free.get(kind, 0)) for kind, pool in pools)
    devices = sum(kind.accelerators_all for kind in site.capacity.kinds.values())
    return moved * PPM >= devices * WHOLE * rules.moved_ppm


def _bids(site: Site) -> tuple[Bid, ...]:
    return site.mix.bids if site.mix else ()


def learn_before_forgetting(site: Site, now_ms: int, rules: PackingRules) -> Iterator[MixLearned]:
    """Before placements are forgotten that a rebuild would count the arrivals from."""
    oldest_ms = site.arrivals.oldest_ms()
    if not rules.first_arrivals or oldest_ms is None or now_ms <= site.now_ms:
        return
    if oldest_ms <= now_ms - REMEMBER_MS // 2 or len(site.finished) > REMEMBER_MAX // 2:
        yield _learned(site, max(now_ms, site.arrivals.newest_ms + 1), rules)


def _learned(site: Site, until_ms: int, rules: PackingRules) -> MixLearned:
    # Solvers take a second to load: a site that learns nothing does not wait for them.
    from hexi_scheduler.domain.packing.bids import bids
    from hexi_scheduler.domain.packing.values import device_values

    capacity, before = site.capacity, site.mix or MixLearned(0)
    until_ms = max(until_ms, before.until_ms)
    new = Counter[Shape]()
    for shape, count in site.arrivals.shapes_before(until_ms):
        new[shape] += count
    seen = _decayed(before.seen, new, rules)
    pools = [(pool, capacity.kinds[kind].accelerators) for kind, pool in capacity.pools.items()]
    total = sum(kind.accelerators_all for kind in capacity.kinds.values()) * WHOLE
    after = before._replace(
        until_ms=until_ms,
        arrivals=before.arrivals + new.total(),
        seen=seen,
        bids=bids(seen, pools, rules),
    )
    watt_worth = _watt_worth(rules, capacity, seen)
    if not _outgrown(after, watt_worth, rules):
        return after
    return after._replace(
        generation=before.generation + 1,
        generation_arrivals=after.arrivals,
        seen=tuple(one._replace(weight=one.came) for one in seen if one.came),
        device_values=device_values(seen, total),
        watt_worth=watt_worth,
    )


def _outgrown(mix: MixLearned, watt_worth: int, rules: PackingRules) -> bool:
    """Twice as much came as worth was reckoned from, or other work than then."""
    if mix.arrivals >= 2 * mix.generation_arrivals:
        return True
    # A small change waits, lest one at the edge makes all costs anew time and again.
    changed, ends = abs(watt_worth - mix.watt_worth), (0, rules.watt_worth)
    if changed * CHANGES_MAX >= rules.watt_worth > 0 or (changed and watt_worth in ends):
        return True
    counts = sum(one.came for one in mix.seen) or 1
    weights = sum(one.weight for one in mix.seen) or 1
    apart = sum(abs(one.came * weights - one.weight * counts) for one in mix.seen)
    return apart * PPM > 2 * rules.drift_ppm * counts * weights


def _decayed(before: Iterable[Seen], new: Counter[Shape], rules: PackingRules) -> tuple[Seen, ...]:
    """Counts over the window: what came before weighs less by as much as came since."""
    known = {one.shape: one.came for one in before}
    weights = {one.shape: one.weight for one in before if one.weight}
    window, come = rules.window_arrivals * COUNT, new.total() * COUNT
    kept, total = max(0, window - come), sum(known.values())
    if total > kept:
        known = {shape: count * kept // total for shape, count in known.items()}
    counts = Counter(known)
    for shape, count in new.items():
        counts[shape] += count * COUNT
    often = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))[: rules.shapes_max]
    shapes = sorted({shape for shape, count in often if count} | weights.keys())
    return tuple(Seen(shape, counts[shape], weights.get(shape, 0)) for shape in shapes)


def _watt_worth(rules: PackingRules, capacity: Capacity, seen: Iterable[Seen]) -> int:
    """What a watt is worth: all while there is slack, nothing when devices or vCPU are short."""
    free = sum(pool.device_milli for pool in capacity.pools.values())
    kinds = capacity.kinds.values()
    devices = sum(kind.accelerators_all for kind in kinds) * WHOLE
    cpu = sum(kind.cpu_milli_all for kind in kinds)
    asked = sum(one.came * one.shape.accelerators * one.shape.device_milli for one in seen)
    asked_cpu = sum(one.came * one.shape.cpu_milli for one in seen)
    if not rules.watt_worth or not asked or not devices:
        return 0
    above = free * PPM // devices - rules.fade_from_ppm
    slack = PPM - asked_cpu * devices * PPM // (asked * cpu)
    part = _part(above, rules.fade_span_ppm, FADE_STEPS) * _part(
        slack, rules.cpu_slack_ppm, SLACK_STEPS
    )
    return rules.watt_worth * part // (FADE_STEPS * SLACK_STEPS)


def _part(value: int, span: int, steps: int) -> int:
    """How many steps of the span, to the nearest."""
    return max(0, min(steps, (value * steps + span // 2) // span))
