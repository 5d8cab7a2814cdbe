"""Installs each service alone and tries to import the others: only itself may be found."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SERVICES = [
    "inventory",
    "telemetry",
    "scheduler",
    "marketplace",
    "settlement",
    "security-monitor",
    "agent",
]
PROBE = """
import importlib.util, sys
own, others = sys.argv[1], sys.argv[2:]
importlib.import_module(f"{own}.main")
found = [name for name in others if importlib.util.find_spec(name)]
sys.exit(f"{own} can see {found}" if found else 0)
"""


def main(chosen: list[str]) -> int:
    failed = [name for name in chosen or SERVICES if not stands_alone(name)]
    sys.stdout.write(f"{len(chosen or SERVICES) - len(failed)} stand alone, not: {failed}\n")
    return 1 if failed else 0


def stands_alone(service: str) -> bool:
    names = {name: f"hexi_{name.replace('-', '_')}" for name in SERVICES}
    own = names.pop(service)
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "UV_PROJECT_ENVIRONMENT": folder}
        environment.pop("VIRTUAL_ENV", None)
        only = ["--package", f"hexi-{service}", "--exact", "--no-default-groups"]
        if subprocess.run(
            ["uv", "sync", "-q", *only], cwd=ROOT, env=environment, check=False
        ).returncode:
            return False
        python = str(Path(folder) / "bin" / "python")
        probe = [python, "-c", PROBE, own, *names.values()]
        return subprocess.run(probe, cwd=folder, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
