"""`./task bench -- NAME [NAME …]`: runs bench_NAME.py, one JSON line a figure."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def names() -> list[str]:
    stems = (path.stem.removeprefix("bench_") for path in HERE.glob("bench_*.py"))
    return sorted(stem.replace("_", "-") for stem in stems)


def main(argv: list[str]) -> int:
    wanted = [name for name in argv if not name.startswith("-")]
    unknown = [name for name in wanted if name not in names()]
    if not wanted or unknown:
        sys.stderr.write(f"name a benchmark: {', '.join(names())}\n")
        return 2
    sys.path.insert(0, str(ROOT))
    for name in wanted:
        importlib.import_module(f"tests.bench.bench_{name.replace('-', '_')}").main()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
