"""`python -m hexi_agent.measure`: the benchmark of this machine's processor, as JSON."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

MIB = 1024**2
THREADS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")


def main(argv: Sequence[str]) -> int:
    """Prints one line."""
    parser = argparse.ArgumentParser(prog="hexi-measure", description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each figure 每项秒数")
    parser.add_argument("--threads", type=int, default=1, help="of the products 线程数")
    parser.add_argument("--size", type=int, default=2_048, help="of the matrices 矩阵阶数")
    parser.add_argument("--copy-mib", type=int, default=128, help="of a copy 复制块")
    chosen = parser.parse_args(argv)
    # Read once, when numpy is loaded.
    os.environ.update(dict.fromkeys(THREADS, str(max(1, chosen.threads))))
    from hexi_kit.clock import SystemClock

    from hexi_agent.measure.benchmark import measure

    result = measure(SystemClock(), chosen.seconds, chosen.size, chosen.copy_mib * MIB)
    sys.stdout.write(result.model_dump_json(exclude_defaults=True) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
