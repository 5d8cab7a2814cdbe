"""Goal: what was compiled is run for the very sources it was made of, and a machine that can not
compile hears why. Method: the script on such a machine; ./task with a stand-in of `task`."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

from tests.unit.local.entry import ROOT, copy_entry

WANTED = "cat requirements.lock pyproject.toml ./*/pyproject.toml ./*/*/pyproject.toml | cksum"
TASK = '#!/bin/sh\necho "$HEXI_COMPILED"\n'
SOURCE = "services/scheduler/hexi_scheduler/domain/policy.py"


def compile_to(folder: str, *flags: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "deploy" / "compile.py"), folder, *flags],
        env={**os.environ, "CC": "no-such-compiler -pthread"},
        capture_output=True,
        text=True,
        check=False,
    )


def clone(folder: Path) -> Path:
    """With an environment that was made already."""
    copy_entry(folder)
    (folder / SOURCE).parent.mkdir(parents=True)
    (folder / SOURCE).write_text("PRICE = 1\n")
    (folder / ".venv" / "bin").mkdir(parents=True)
    (folder / ".venv" / "pyvenv.cfg").write_text("version = 3.11.2\n")
    for name, text in (("task", TASK), ("python", "#!/bin/sh\n")):
        (folder / ".venv" / "bin" / name).write_text(text)
        (folder / ".venv" / "bin" / name).chmod(0o755)
    wanted = subprocess.check_output(["/bin/sh", "-c", WANTED], cwd=folder)
    (folder / ".venv" / ".wanted").write_bytes(wanted)
    return folder


def compiled_of(folder: Path, **environment: str) -> str:
    own = {k: v for k, v in os.environ.items() if k != "HEXI_COMPILED"}
    argv = ["/bin/sh", str(folder / "task")]
    return subprocess.check_output(argv, env={**own, **environment}, text=True).strip()


def test_only_copies_that_nothing_runs_any_more_are_forgotten(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "deploy"))
    spec = importlib.util.spec_from_file_location("compile_script", ROOT / "deploy" / "compile.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    now_s = tmp_path.stat().st_mtime
    for name, days in {"a": 30, "b": 9, "c": 6, "d": 1, "e": 0, ".being-made": 99}.items():
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (now_s, now_s - 86_400 * days))

    script.forget_older(tmp_path / "e")

    assert sorted(one.name for one in tmp_path.iterdir()) == [".being-made", "c", "d", "e"]


def test_a_machine_without_a_compiler_is_told_so_in_one_sentence(tmp_path: Path) -> None:
    answer = compile_to(str(tmp_path / "new"))

    assert answer.returncode == 1
    assert "lacks the C compiler no-such-compiler" in answer.stderr
    assert answer.stderr.count("\n") == 1
    assert not (tmp_path / "new").exists()


def test_it_goes_on_there_if_it_may(tmp_path: Path) -> None:
    answer = compile_to(str(tmp_path / "new"), "--if-possible")

    assert (answer.returncode, answer.stderr.count("\n")) == (0, 1)


def test_what_is_made_or_not_wanted_needs_no_compiler(tmp_path: Path) -> None:
    assert compile_to(str(tmp_path)).returncode == 0
    assert compile_to("").returncode == 0


def test_each_change_of_a_source_or_of_python_has_a_folder_of_its_own(tmp_path: Path) -> None:
    folder = clone(tmp_path / "clone")
    before = compiled_of(folder)
    again = compiled_of(folder)
    (folder / SOURCE).write_text("PRICE = 2\n")
    after = compiled_of(folder)
    (folder / ".venv" / "pyvenv.cfg").write_text("version = 3.12.1\n")
    other_python = compiled_of(folder)

    assert before == again
    assert len({before, after, other_python}) == 3
    assert {Path(one).parent for one in (before, after)} == {folder / ".hexi" / "compiled"}


def test_its_user_may_want_the_sources(tmp_path: Path) -> None:
    assert compiled_of(clone(tmp_path / "clone"), HEXI_COMPILED="") == ""
