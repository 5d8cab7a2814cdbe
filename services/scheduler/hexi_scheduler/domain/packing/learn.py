"""Learns the mix of the work that comes, when enough has come; a decision like any other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from hexi_scheduler.domain.packing.mix import MixLearned, Seen, Shape
from hexi_scheduler.domain.packing.rules import PackingRules
from hexi_scheduler.domain.place_time import REMEMBER_MAX, REMEMBER_MS
from hexi_scheduler.domain.site import Site

COUNT = 256  # of one arrival: decay must not round what is rare away
PPM = 1_000_000
FADE_STEPS = 4  # each makes all costs anew
WHOLE = 1_000


def learn(site: Site, at_ms: int, rules: PackingRules) -> Iterator[MixLearned]:
    """Anew when as much came as ever before, later at an interval that grows with the site."""
    came = site.arrivals.before(at_ms)
    if came < rules.first_arrivals or not rules.first_arrivals:
        return
    servers = len(site.capacity.servers)
    interval = max(rules.interval_arrivals_min, servers * rules.interval_servers_ppm // PPM)
    ever = site.mix.arrivals if site.mix else 0
    if came >= min(max(rules.first_arrivals, ever), interval):
        yield _learned(site, at_ms, rules)


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
    free = sum(pool.device_milli for pool, _ in pools)
    total = sum(kind.accelerators_all for kind in capacity.kinds.values()) * WHOLE
    after = before._replace(
        until_ms=until_ms,
        arrivals=before.arrivals + new.total(),
        seen=seen,
        bids=bids(seen, pools, rules),
    )
    watt_milli = _faded(rules, free, total)
    if not _outgrown(after, watt_milli, rules):
        return after
    return after._replace(
        generation=before.generation + 1,
        generation_arrivals=after.arrivals,
        seen=tuple(one._replace(weight=one.came) for one in seen if one.came),
        device_values=device_values(seen, total),
        watt_milli=watt_milli,
    )


def _outgrown(mix: MixLearned, watt_milli: int, rules: PackingRules) -> bool:
    """Twice as much came as worth was reckoned from, or other work than then."""
    if mix.arrivals >= 2 * mix.generation_arrivals or watt_milli != mix.watt_milli:
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


def _faded(rules: PackingRules, free: int, total: int) -> int:
    """What a watt is worth: all while there is slack, nothing when room is short."""
    if not rules.watt_milli or not total:
        return 0
    above = free * PPM // total - rules.fade_to_ppm
    span = max(1, rules.fade_from_ppm - rules.fade_to_ppm)
    steps = FADE_STEPS * max(0, min(span, above)) // span
    return rules.watt_milli * steps // FADE_STEPS
