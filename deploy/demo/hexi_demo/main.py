"""`./task demo`: the province at work, with kills, attacks and an audit."""

from __future__ import annotations

import asyncio
import sys

from rich.console import Console

from hexi_demo import options
from hexi_demo.run import run


def main() -> int:
    """Exit 0 only if every check holds."""
    chosen = options.read()
    console = Console()
    try:
        summary = asyncio.run(run(chosen, console))
    except KeyboardInterrupt:
        console.print("stopped")
        return 130
    summary.print_to(console)
    if chosen.summary is not None:
        summary.write_to(chosen.summary)
    return 0 if summary.passed else 1


if __name__ == "__main__":
    sys.exit(main())
