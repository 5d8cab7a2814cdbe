"""Finds the tables a simulation file names, plain or compressed."""

from __future__ import annotations

import csv
import gzip
import os
from collections.abc import Iterator
from pathlib import Path

from hexi_kit.errors import InvalidArgument, Violation

# Beside the checkout, where HEXI_DATA does not say otherwise.
DATA = Path(__file__).resolve().parents[5] / "shared" / "data"


def data_folder() -> Path:
    return Path(os.environ.get("HEXI_DATA") or DATA)


def rows(name: str, beside: Path) -> Iterator[dict[str, str]]:
    """The rows of a table beside the simulation file, or in the folder of data.

    Raises:
        InvalidArgument: it is in neither.
    """
    found = next((p for p in (beside / name, data_folder() / name) if p.is_file()), None)
    if found is None:
        raise InvalidArgument([Violation(name, f"expected it in {beside} or {data_folder()}")])
    if found.suffix == ".gz":
        with gzip.open(found, "rt", newline="", encoding="utf-8") as file:
            yield from csv.DictReader(file)
    else:
        with found.open(newline="", encoding="utf-8") as file:
            yield from csv.DictReader(file)
