"""IT power against FGD by load on the openb trace, and what stays allocated: the production engine
with its power term, and without."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ProcessPoolExecutor
from statistics import mean

from hexi_scheduler.settings import packing_rules

from tests.bench import openb_trace
from tests.bench.figures import show
from tests.bench.openb_adapter import production
from tests.bench.openb_peers import gradient_descent
from tests.bench.openb_protocol import Outcome, run

WORKLOAD = "default"
SEEDS = (42, 43, 44)
LOADS = (20, 30, 40, 50, 60, 70, 80)
FULL = 100
POLICIES = ("fgd", "production", "no power term")


def powered(job: tuple[str, int]) -> Outcome:
    policy, seed = job
    rules = packing_rules()
    placers = {
        "fgd": gradient_descent(openb_trace.pods(WORKLOAD)),
        "production": production(rules),
        "no power term": production(rules._replace(watt_worth=0)),
    }
    return run(WORKLOAD, seed, placers[policy], watts=True)


def main() -> None:
    if not openb_trace.present():
        sys.stderr.write("no openb trace (HEXI_DATA): a seeded mix instead, no published figures\n")
    jobs = [(policy, seed) for policy in POLICIES for seed in SEEDS]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        found = dict(zip(jobs, pool.map(powered, jobs), strict=True))
    for policy in POLICIES:
        runs = [found[policy, seed] for seed in SEEDS]
        allocated = 100 - mean(outcome.unallocated for outcome in runs)
        show("power.allocated", allocated, "%", policy=policy, load=FULL, seeds=len(SEEDS))
        for load in LOADS:
            drawn = mean(outcome.tenths[load][0] for outcome in runs)
            beside = mean(found["fgd", seed].tenths[load][0] for seed in SEEDS)
            if policy != "fgd":
                show("power.saved", 100 * (1 - drawn / beside), "%", policy=policy, load=load)
            else:
                show("power.drawn", drawn / 1e6, "MW", policy=policy, load=load)


if __name__ == "__main__":
    main()
