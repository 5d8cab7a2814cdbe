"""Makes extension modules of what the scheduler does for every decision: `./task compile`.

mypyc compiles the sources as they are into a copy of the package, named after what it was made of;
./task puts that copy first where work is done (bench, demo, up, sim, replay). Whatever changes in
the sources changes the name, so that a copy of yesterday is never run.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from contextlib import suppress
from pathlib import Path

from bootstrap import ROOT, Missing

PACKAGE = ROOT / "services" / "scheduler" / "hexi_scheduler"
SCAFFOLDS = ("build", ".mypy_cache")
KEPT_S = 7 * 86_400  # what runs may load of its copy late; two are kept however old they are
KEPT = 2
# Each row becomes one library; both are compiled at once. What numba compiles stays as it is.
LIBRARIES = {
    "hexi_route": {
        "route": (
            "backup board compare drf filters ranking retry room route router routes step_route"
            " turns why_route"
        ),
    },
    "hexi_place": {
        "": "owed placement priority rules tenants use",
        "packing": "board learn mix",
        "place": (
            "answers bounds capacity case claims eviction failures keeping leases place_fit policy"
            " pool site site_use standing step_place"
        ),
    },
}


class Failed(Exception):
    """It could have been made here, and was not."""


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, prog="./task compile --")
    parser.add_argument("folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument(
        "--if-possible", action="store_true", help="go on where there is no C compiler"
    )
    asked = parser.parse_args(argv)
    if not asked.folder.name or asked.folder.exists():
        return 0
    try:
        _check_compiler()
        _make(ROOT / asked.folder)
    except Missing as lack:
        sys.stderr.write(f"{lack}\n")
        return 0 if asked.if_possible else 1
    except Failed as failure:
        sys.stderr.write(f"{failure}\n")
        return 1
    return 0


def _check_compiler() -> None:
    compiler = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()[0]
    header = Path(sysconfig.get_paths()["include"]) / "Python.h"
    lacks = [] if shutil.which(compiler) else [f"the C compiler {compiler}"]
    lacks += [] if header.exists() else [str(header)]
    if lacks:
        raise Missing(
            f"The scheduler is not compiled, and a decision takes a sixth longer: this machine"
            f" lacks {' and '.join(lacks)} (Debian, Ubuntu: 'apt install gcc python3-dev')."
        )


def _make(folder: Path) -> None:
    """Whole or not at all: somebody else may be making, or using, the same."""
    sys.stderr.write(f"Compiling {len(_sources())} modules of the scheduler (once, a minute) …\n")
    folder.parent.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(dir=folder.parent, prefix="."))
    try:
        shutil.copytree(PACKAGE, place / PACKAGE.name)
        built = subprocess.run(
            [sys.executable, __file__, "--build"],
            cwd=place,
            env={**os.environ, "PYTHONPATH": "", "MYPYPATH": ""},
            capture_output=True,
            text=True,
            check=False,
        )
        if built.returncode != 0:
            raise Failed(f"The scheduler could not be compiled:\n{built.stdout}{built.stderr}")
        for scaffold in SCAFFOLDS:
            shutil.rmtree(place / scaffold)
        with suppress(OSError):  # another was sooner
            place.rename(folder)
        if not folder.is_dir():
            raise Failed(f"The scheduler is compiled, but {folder} cannot be written.")
    finally:
        shutil.rmtree(place, ignore_errors=True)
    forget_older(folder)


def forget_older(folder: Path) -> None:
    made_s = {one: one.stat().st_mtime for one in folder.parent.iterdir() if one.name[0] != "."}
    for old in sorted(made_s, key=made_s.__getitem__)[:-KEPT]:
        if made_s[old] < made_s[folder] - KEPT_S:
            shutil.rmtree(old, ignore_errors=True)


def _sources(libraries: tuple[str, ...] = tuple(LIBRARIES)) -> list[str]:
    """Paths beside which the extension modules are put."""
    domain = Path(PACKAGE.name) / "domain"
    return [
        str(domain / folder / f"{name}.py")
        for library in libraries
        for folder, names in LIBRARIES[library].items()
        for name in names.split()
    ]


def _build() -> None:
    """Beside the sources, in a folder with a copy of the package."""
    # They take a second to load: who finds all made does not wait for them.
    from mypyc.build import mypycify
    from setuptools import setup

    extensions = mypycify(
        [f"--config-file={ROOT / 'pyproject.toml'}", *_sources()],
        debug_level="0",
        target_dir="build",
        separate=[(_sources((name,)), name) for name in LIBRARIES],
    )
    setup(
        name=PACKAGE.name,
        packages=[],
        ext_modules=extensions,
        script_args=["-q", "build_ext", "--inplace", "--parallel", "2"],
    )


if __name__ == "__main__":
    if sys.argv[1:] == ["--build"]:
        _build()
    else:
        sys.exit(main(sys.argv[1:]))
