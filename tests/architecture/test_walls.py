"""Goal: the walls between packages stand and would be noticed if broken. Method: run the import
contracts over this tree, and over small houses built wrong on purpose."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ["inventory", "telemetry", "scheduler", "marketplace", "settlement", "security_monitor"]
PACKAGES = [f"hexi_{name}" for name in (*SERVICES, "kit", "contracts", "agent", "cli")]
PACKAGES += ["hexi_local", "hexi_demo", "hexi_sim"]

# Each: a file put into the sound house, and the contract that must refuse it.
BROKEN = {
    "a service imports its sibling": (
        "hexi_scheduler/handlers.py",
        "import hexi_settlement.domain",
        "Services never import each other",
    ),
    "domain speaks grpc": (
        "hexi_scheduler/domain/call.py",
        "import grpc",
        "Domain does no I/O and knows no wire",
    ),
    "domain knows the wire": (
        "hexi_scheduler/domain/shape.py",
        "import hexi.scheduler.v1",
        "Domain does no I/O and knows no wire",
    ),
    "a door opens another door": (
        "hexi_scheduler/stream/door.py",
        "import hexi_scheduler.store.table",
        "Inside a service",
    ),
    "handlers reach into a store": (
        "hexi_scheduler/handlers.py",
        "import hexi_scheduler.store.table",
        "Inside a service",
    ),
    "a module without a room": ("hexi_scheduler/helpers.py", "", "Inside a service"),
    "kit knows a service": (
        "hexi_kit/clock.py",
        "import hexi_inventory.domain",
        "Kit imports no service",
    ),
    "contracts lean on the kit": (
        "hexi_contracts/topic.py",
        "import hexi_kit.clock",
        "Contracts stand below the kit",
    ),
}


def check(folder: Path, path: list[Path]) -> subprocess.CompletedProcess[str]:
    program = "import sys; from importlinter.cli import lint_imports_command; "
    program += "lint_imports_command(sys.argv[1:])"
    arguments = ["--config", str(ROOT / ".importlinter"), "--no-cache"]
    places = os.pathsep.join(str(one) for one in path)
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": places, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


def build_house(folder: Path) -> None:
    """Every package with every room, and nothing inside."""
    for package in PACKAGES:
        rooms = ["api", "stream", "store", "domain"] if package[5:] in SERVICES else []
        for part in (package, *(f"{package}/{room}" for room in rooms)):
            (folder / part).mkdir(parents=True)
            (folder / part / "__init__.py").touch()
    for name in ("hexi_scheduler/handlers", "hexi_scheduler/store/table", "hexi_kit/clock"):
        (folder / f"{name}.py").touch()
    (folder / "hexi_contracts/topic.py").touch()


def test_the_walls_of_this_house_stand() -> None:
    verdict = check(ROOT, [])

    assert verdict.returncode == 0, verdict.stdout


def test_an_empty_house_is_sound(tmp_path: Path) -> None:
    build_house(tmp_path)

    verdict = check(tmp_path, [tmp_path])

    assert verdict.returncode == 0, verdict.stdout


@pytest.mark.parametrize("case", BROKEN)
def test_is_refused(case: str, tmp_path: Path) -> None:
    path, line, contract = BROKEN[case]
    build_house(tmp_path)
    (tmp_path / path).write_text(line + "\n")

    verdict = check(tmp_path, [tmp_path])

    assert verdict.returncode != 0
    broken = [row for row in verdict.stdout.splitlines() if "BROKEN" in row]
    assert [row for row in broken if row.startswith(contract)], verdict.stdout
