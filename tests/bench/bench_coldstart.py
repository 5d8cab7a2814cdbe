"""`./task demo` → first placement: with everything installed, and on a fresh clone."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

from hexi_kit.clock import SystemClock

from tests.bench.figures import show

ROOT = Path(__file__).resolve().parents[2]
MARK = "first placement"
DURATION_S = 30
SHOWN_LINES = 30


def first_placement_s(checkout: Path, environment: dict[str, str]) -> float:
    """Start the demo and read what it says until the first placement; then let it end."""
    clock = SystemClock()
    began_s = clock.real_monotonic_s()
    variables = {**os.environ, "DURATION": str(DURATION_S), "TERM": "dumb", **environment}
    found, said = -1.0, list[str]()
    with subprocess.Popen(
        ["./task", "demo"],
        cwd=checkout,
        env=variables,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as demo:
        for line in demo.stdout or ():
            said.append(line)
            if MARK in line and found < 0:
                found = clock.real_monotonic_s() - began_s
    if found < 0:
        raise SystemExit("no placement; the demo said:\n" + "".join(said[-SHOWN_LINES:]))
    return found


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        state = {"HEXI_STATE_DIR": f"{folder}/state"}
        show("coldstart.installed", first_placement_s(ROOT, state), "s")
        clone = Path(folder) / "clone"
        subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
        # An empty home: nothing of an earlier installation can help.
        fresh = {"HOME": f"{folder}/home", "UV_CACHE_DIR": f"{folder}/uv"}
        Path(fresh["HOME"]).mkdir()
        show("coldstart.fresh_clone", first_placement_s(clone, fresh), "s")
