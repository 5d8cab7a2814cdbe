"""What ./task reads, in a folder of its own and without the rest of the project."""

import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
FILES = (
    "task",
    "requirements.lock",
    "pyproject.toml",
    "contracts/pyproject.toml",
    "services/kit/pyproject.toml",
    "deploy/bootstrap.py",
    "deploy/compile.py",
    "deploy/interpreters.py",
)


def copy_entry(folder: Path) -> Path:
    for name in FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    return folder
