"""The agent's process: `hexi-agent [run] --config site.yaml [--config other.yaml]`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

from hexi_kit.errors import HexiError
from hexi_kit.logs import configure

from hexi_agent.commands.arguments import parse

MODULES = {
    "run": "hexi_agent.commands.run",
    "check": "hexi_agent.commands.check",
    "map": "hexi_agent.commands.mapping",
    "discover": "hexi_agent.commands.discover",
    "rotate-key": "hexi_agent.commands.rotate",
}


def main(argv: Sequence[str]) -> int:
    """What a command can not do because of its input ends with 2 and the reason."""
    chosen = parse(argv)
    if chosen.version:
        sys.stdout.write(f"hexi-agent {_version()}\n")
        return 0
    try:
        code: int = import_module(MODULES[chosen.command]).run(chosen)
    except (OSError, HexiError, TimeoutError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return code


def console() -> None:
    """The script `hexi-agent`; what it says goes to stdout, what it notices to stderr."""
    configure("hexi-agent", "warning")
    sys.exit(main(sys.argv[1:]))


def _version() -> str:
    try:
        return version("hexi-agent")
    except PackageNotFoundError:
        return "unpacked"


if __name__ == "__main__":
    console()
