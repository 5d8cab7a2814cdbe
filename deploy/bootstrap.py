"""Makes .venv as requirements.lock says. Runs before anything is installed: standard library only.

The first step of ./task. Safe to call from several shells at once: the second waits, then finds
everything done. A call that is killed leaves no stamp, so the next one does it again.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import interpreters

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOCK = ROOT / "requirements.lock"
STAMP = VENV / ".wanted"
MEMBERS = ("contracts", "services/*", "deploy/*")


class Missing(Exception):
    """This machine lacks something; the text says what, and how to get it."""


def main(wanted: str) -> int:
    os.chdir(ROOT)
    (ROOT / ".task").mkdir(exist_ok=True)
    with (ROOT / ".task" / "setup.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if STAMP.exists() and STAMP.read_text().strip() == wanted and _works(PYTHON):
            return 0
        sys.stderr.write("Setting up .venv (once; minutes on a slow line) …\n")
        try:
            _make_venv()
            _install()
        except Missing as lack:
            sys.stderr.write(f"{lack}\n")
            return 1
        STAMP.write_text(wanted + "\n")
    return 0


def _make_venv() -> None:
    if _works(PYTHON):
        return
    python = _interpreter()
    make = [python.path, "-m", "venv", "--clear", str(VENV)]
    if subprocess.run(make, check=False).returncode != 0:
        raise Missing(
            f"{python.path} could not make {VENV.name} (see above); HEXI_PYTHON names another one."
        )


def _interpreter() -> interpreters.Interpreter:
    """The one that was named; else the best of this machine."""
    named = os.environ.get("HEXI_PYTHON")
    if named:
        found = list(interpreters.probed([named]))
        lack = f"HEXI_PYTHON={named} is no Python 3.11 to 3.14 that can make environments."
    else:
        found = interpreters.usable(os.environ.get("PATH", os.defpath))
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        lack = (
            f"Python {version} here cannot make environments: install python3-venv"
            f" (Debian, Ubuntu: 'apt install python{version}-venv')."
        )
    if not found:
        raise Missing(lack)
    chosen = interpreters.choose(found)
    others = f", of {len(found)} on the PATH" if len(found) > 1 else ""
    sys.stderr.write(f"Python {chosen.version}: {chosen.path}{others}\n")
    return chosen


def _install() -> None:
    """Everything at the locked versions and hashes, then our own packages, editable."""
    uv = [str(VENV / "bin" / "uv"), "pip", "install", "-q", "--python", str(PYTHON)]
    if not _has_locked_uv():
        pip = [str(PYTHON), "-m", "pip"]
        if not _succeeds([*pip, "--version"]):
            _run([str(PYTHON), "-m", "ensurepip", "-q"])
        own = VENV / "uv.lock"
        own.write_text(_locked("uv"))
        _run([*pip, "install", "-q", "--require-hashes", "--no-deps", "-r", str(own)])
    _run([*uv, "--require-hashes", "-r", str(LOCK)])
    folders = sorted(one.parent for glob in MEMBERS for one in ROOT.glob(f"{glob}/pyproject.toml"))
    editable = [part for folder in folders for part in ("-e", str(folder))]
    _run([*uv, "--no-deps", "--no-build-isolation", *editable])


def _locked(name: str) -> str:
    """The lines of the lock for one package: its version and hashes."""
    lines = iter(LOCK.read_text().splitlines())
    for line in lines:
        if line.startswith(f"{name}=="):
            kept = [line]
            while kept[-1].rstrip().endswith("\\"):
                kept.append(next(lines))
            return "\n".join(kept) + "\n"
    raise Missing(f"{LOCK.name} names no {name}: run './task lock' where it works, and commit it.")


def _has_locked_uv() -> bool:
    uv = VENV / "bin" / "uv"
    version = _locked("uv").partition("==")[2].split()[0]
    found = (
        subprocess.run([str(uv), "--version"], capture_output=True, text=True, check=False)
        if uv.exists()
        else None
    )
    return found is not None and found.stdout.split()[1:2] == [version]


def _works(python: Path) -> bool:
    return python.exists() and _succeeds([str(python), "-c", ""])


def _succeeds(argv: list[str]) -> bool:
    return subprocess.run(argv, capture_output=True, check=False).returncode == 0


def _run(argv: list[str]) -> None:
    if subprocess.run(argv, env=_environment(), check=False).returncode != 0:
        raise Missing(
            "The packages could not be installed (see above): is a package index reachable?"
            " Set PIP_INDEX_URL and UV_DEFAULT_INDEX for another one."
        )


def _environment() -> dict[str, str]:
    """The caller's, and pip's index for uv where only pip was told of one."""
    own = dict(os.environ, PIP_DISABLE_PIP_VERSION_CHECK="1")
    if "PIP_INDEX_URL" in own:
        own.setdefault("UV_DEFAULT_INDEX", own["PIP_INDEX_URL"])
    return own


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else ""))
