"""Goal: the agent runs as one file and as a service with few rights. Method: systemd's own
judgement of the unit, and the file as it was built; each is skipped where it is not there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
UNIT = ROOT / "services" / "agent" / "hexi-agent.service"
FILE = ROOT / ".hexi" / "dist" / "hexi-agent"
# systemd's scale: 0 is locked up, 10 may do anything.
EXPOSURE_MAX = 2.5

systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit with a program that is there."""
    path = tmp_path / UNIT.name
    path.write_text(UNIT.read_text().replace("/usr/local/bin/hexi-agent", "/bin/true"))
    return path


@systemd
def test_systemd_takes_the_unit(unit: Path) -> None:
    found = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False
    )

    assert (found.returncode, found.stderr) == (0, "")


@systemd
def test_the_unit_has_few_rights(unit: Path) -> None:
    judged = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    if "unrecognized option" in judged.stderr:
        pytest.skip("this systemd-analyze judges only units that are loaded")

    found = re.search(r"exposure level for .*: ([\d.]+)", judged.stdout)
    assert found is not None, judged.stderr
    assert float(found[1]) <= EXPOSURE_MAX


def test_runs_outlive_the_service_and_it_always_comes_back() -> None:
    lines = UNIT.read_text().splitlines()

    assert {"Restart=always", "KillMode=process", "NoNewPrivileges=yes"} <= set(lines)


@pytest.mark.skipif(not FILE.exists(), reason="not built: ./task agent:build")
def test_the_one_file_runs_away_from_the_repository(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "SHIV_ROOT": str(tmp_path / "unpacked")}

    said = subprocess.run(
        [str(FILE), "--version"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )

    assert said.stdout.startswith("hexi-agent 0.")
