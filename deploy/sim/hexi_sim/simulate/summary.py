"""The figures of a run: what the table, the page and `--json` say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from rich.table import Table

from hexi_sim.simulate.run import Result

MS_PER_H = 3_600_000
WS_PER_KWH = 3_600_000
Value = int | float | str | dict[str, int]


def waits_s(result: Result) -> dict[str, list[int]]:
    """Seconds from submission to the first start, by class, sorted."""
    found: defaultdict[str, list[int]] = defaultdict(list)
    ledger = result.ledger
    for name, at_ms in ledger.started.items():
        found[ledger.kind[name]].append((at_ms - ledger.submitted[name]) // 1_000)
    return {kind: sorted(waits) for kind, waits in sorted(found.items())}


def percentile(values: Sequence[int], percent: int) -> int:
    """Of sorted values."""
    return values[min(len(values) - 1, len(values) * percent // 100)] if values else 0


def summary(result: Result) -> dict[str, Value]:
    last = result.samples[-1]
    samples = result.samples
    every = sorted(wait for waits in waits_s(result).values() for wait in waits)
    unfair = [
        abs(share.held - share.fair) for sample in samples for share in sample.shares.values()
    ]
    return {
        "policy": result.policy,
        "workloads": result.arrivals,
        "states": result.ledger.states(),
        "cpu_allocated_percent": _mean([100 * s.cpu_used for s in samples]),
        "accelerators_allocated_percent": _mean([100 * s.accelerators_used for s in samples]),
        "accelerators_allocated_percent_last": round(100 * last.accelerators_used, 2),
        "fragmentation_percent": _mean([100 * s.broken for s in samples]),
        "wait_p50_s": percentile(every, 50),
        "wait_p99_s": percentile(every, 99),
        "energy_kwh": last.energy_ws // WS_PER_KWH,
        "carbon_kg": last.carbon_g // 1_000,
        "evicted": dict(sorted(result.ledger.evicted.items())),
        "wasted_accelerator_hours": result.ledger.wasted_ms // MS_PER_H,
        "unit_hours_billed": result.units_ms // MS_PER_H,
        "unfairness_percent": _mean([100 * gap for gap in unfair]),
        "wrong": len(result.ledger.wrong),
        "digest": result.digest,
    }


def table(results: Sequence[Result]) -> Table:
    """Figures as rows, policies as columns."""
    made = Table("figure", *(result.policy for result in results))
    rows = [summary(result) for result in results]
    for name in rows[0]:
        if name != "policy":
            made.add_row(name, *(text(row[name]) for row in rows))
    return made


def text(value: Value) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {count}" for key, count in value.items()) or "–"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _mean(values: Sequence[float]) -> float:
    return round(sum(values) / len(values), 2) if values else 0.0
