"""Goal: a machine that lacks something hears it in one sentence. Method: machines that lack it."""

import os
import shutil
import subprocess
from pathlib import Path

from tests.unit.local.entry import ROOT, copy_entry

TASK_LINES_MAX = 40


def run_task(folder: Path, path: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", str(folder / "task")],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def tools(folder: Path) -> str:
    """A PATH with what POSIX promises and no Python."""
    folder.mkdir()
    for name in ("cat", "cksum", "dirname", "sh"):
        (folder / name).symlink_to(str(shutil.which(name)))
    return str(folder)


def test_the_wrapper_is_small() -> None:
    assert len((ROOT / "task").read_text().splitlines()) <= TASK_LINES_MAX


def test_a_machine_without_python_is_told_so(tmp_path: Path) -> None:
    answer = run_task(copy_entry(tmp_path / "clone"), tools(tmp_path / "bin"))

    assert answer.returncode == 1
    assert answer.stderr.startswith("Hexi needs Python 3.11 to 3.14")
    assert answer.stderr.count("\n") == 1


def test_a_machine_whose_python_is_too_old_is_told_so(tmp_path: Path) -> None:
    path = tools(tmp_path / "bin")
    old = Path(path) / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")  # what the version question answers
    old.chmod(0o755)

    answer = run_task(copy_entry(tmp_path / "clone"), path)

    assert answer.returncode == 1
    assert answer.stderr.startswith("Hexi needs Python 3.11 to 3.14")


def test_a_lock_without_uv_is_named(tmp_path: Path) -> None:
    clone = copy_entry(tmp_path / "clone")
    (clone / "requirements.lock").write_text("nothing==1.0\n")
    (clone / ".venv" / "bin").mkdir(parents=True)
    (clone / ".venv" / "bin" / "python").symlink_to(ROOT / ".venv" / "bin" / "python")

    answer = run_task(clone, os.environ["PATH"])

    assert answer.returncode == 1
    assert "names no uv" in answer.stderr


def test_a_named_python_that_is_none_is_told_so(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("HEXI_PYTHON", "/bin/cat")

    answer = run_task(copy_entry(tmp_path / "clone"), os.environ["PATH"])

    assert answer.returncode == 1
    assert "HEXI_PYTHON=/bin/cat is no Python 3.11 to 3.14" in answer.stderr


def test_no_line_of_the_lock_names_an_index() -> None:
    lock = (ROOT / "requirements.lock").read_text()

    assert "://" not in lock
    assert all("--hash=sha256:" in part for part in lock.split("\n\n") if "==" in part)
