"""Goal: Hexi lives in the fastest Python there is, but in the first where that makes no difference.
Method: the script as setup loads it, over folders with Pythons that work and some that do not."""

import importlib.util
import os
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / "deploy" / "interpreters.py"


@pytest.fixture(scope="module")
def interpreters():
    spec = importlib.util.spec_from_file_location("interpreters", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("seconds", "chosen"), [((1.0, 0.95, 0.9), 0), ((1.0, 0.8, 0.7), 2), ((0.7, 1.0, 0.8), 0)]
)
def test_another_than_the_first_must_be_much_faster(interpreters, seconds, chosen: int) -> None:
    found = [interpreters.Interpreter(str(n), "3.11.0", s) for n, s in enumerate(seconds)]
    assert interpreters.choose(found) == found[chosen]


def test_what_can_not_run_or_make_environments_is_passed_over(interpreters, tmp_path: Path) -> None:
    for name, says in (("python3.13", "exit 1"), ("python3.12", "echo 3.12"), ("python3.11", "")):
        script = tmp_path / name
        script.write_text(f"#!/bin/sh\n{says}\n")
        script.chmod(0o755)
    (tmp_path / "python3").symlink_to(sys.executable)

    found = interpreters.usable(f"{tmp_path}{os.pathsep}{tmp_path / 'missing'}")

    (own,) = found
    assert Path(own.path).samefile(Path(sys.base_prefix) / "bin" / Path(own.path).name)
    assert own.version == ".".join(map(str, sys.version_info[:3]))
    assert own.seconds > 0
