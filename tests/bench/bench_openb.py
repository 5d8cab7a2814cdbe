"""How much of the accelerators stays unallocated at 100 % arrival, on ten workloads of the openb
trace: the production engine, which learns the mix, and beside it FGD and best fit.

`python -m tests.bench.bench_openb` for all; WORKLOADS and SEEDS in the environment for fewer.
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import ProcessPoolExecutor
from statistics import mean

from hexi_scheduler.settings import packing_rules

from tests.bench import openb_trace
from tests.bench.figures import show
from tests.bench.openb_adapter import production
from tests.bench.openb_peers import best_fit, gradient_descent
from tests.bench.openb_protocol import run

SEEDS = "42-51"
PEER_SEEDS = range(42, 43)
PEERS = ("fgd", "best-fit")

Job = tuple[str, str, int]


def unallocated(job: Job) -> float:
    policy, workload, seed = job
    placers = {
        "production": production(packing_rules()),
        "no power term": production(packing_rules()._replace(watt_worth=0)),
        "fgd": gradient_descent(openb_trace.pods(workload)),
        "best-fit": best_fit,
    }
    return run(workload, seed, placers[policy]).unallocated


def _chosen() -> tuple[list[str], range]:
    if not openb_trace.present():
        sys.stderr.write("no openb trace (HEXI_DATA): a seeded mix instead, no published figures\n")
    names = openb_trace.WORKLOADS if openb_trace.present() else ("synthetic",)
    workloads = os.environ.get("WORKLOADS", ",".join(names)).split(",")
    first, last = map(int, os.environ.get("SEEDS", SEEDS).split("-"))
    return workloads, range(first, last + 1)


def main() -> None:
    workloads, seeds = _chosen()
    means = []
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for workload in workloads:
            found = list(pool.map(unallocated, [("production", workload, s) for s in seeds]))
            means.append(mean(found))
            show("openb.unallocated", means[-1], "%", workload=workload, seeds=len(found))
            jobs = [(peer, workload, seed) for peer in PEERS for seed in PEER_SEEDS]
            for (peer, _, seed), value in zip(jobs, pool.map(unallocated, jobs), strict=True):
                show("openb.beside", value, "%", policy=peer, workload=workload, seed=seed)
    show("openb.mean", mean(means), "%", workloads=len(means), seeds=len(seeds))


if __name__ == "__main__":
    main()
