"""Plays a recorded CSV: one row a server and moment, columns named by a small mapping."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np
from hexi.telemetry.v1 import telemetry_pb2 as pb
from hexi_kit.model import BaseModel, ConfigDict, Field

from hexi_agent.domain.physics import Meters, Values
from hexi_agent.sources import Metric, Sample

ROWS_MAX = 1_000_000


class ReplayMapping(BaseModel):
    """`columns` names the CSV column of each metric (`power_w: Power`); `scale` multiplies it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    time_column: str
    server_column: str
    columns: Mapping[str, str] = Field(min_length=1)
    scale: Mapping[str, float] = Field(default_factory=dict)


class ReplaySource:
    """Moments follow each other at the site's period and begin again at the end."""

    def __init__(self, path: Path, mapping: ReplayMapping, servers: int, first: int = 0) -> None:
        self._first, self._servers, self._mapping = first, servers, mapping
        self._metrics = {_metric(name): name for name in mapping.columns}
        with path.open(newline="", encoding="utf-8") as file:
            rows = [row for row, _ in zip(csv.DictReader(file), range(ROWS_MAX), strict=False)]
        missing = {mapping.time_column, mapping.server_column, *mapping.columns.values()}
        missing -= set(rows[0] if rows else ())
        if missing:
            raise ValueError(f"{path}: expected columns {sorted(missing)}, were missing")
        names = list(dict.fromkeys(row[mapping.server_column] for row in rows))
        self._index = {name: place for place, name in enumerate(names[:servers])}
        self._moments = [
            list(group) for _, group in groupby(rows, key=lambda row: row[mapping.time_column])
        ]
        self._next = 0

    def read(self, before: Meters, now_ms: int) -> Sequence[Sample]:
        rows = self._moments[self._next % len(self._moments)]
        self._next += 1
        columns: dict[Metric, Values] = {
            metric: np.zeros(self._servers, "<f4") for metric in self._metrics
        }
        good = np.zeros(self._servers, np.bool_)
        for row in rows:
            place = self._index.get(row[self._mapping.server_column])
            if place is None:
                continue
            try:
                values = {
                    metric: float(row[self._mapping.columns[name]])
                    * self._mapping.scale.get(name, 1.0)
                    for metric, name in self._metrics.items()
                }
            except ValueError:
                continue  # a hole in the recording stays a hole: its server is not good
            for metric, value in values.items():
                columns[metric][place] = value
            good[place] = True
        return [Sample(self._first, self._servers, columns, good)]


def _metric(name: str) -> Metric:
    try:
        return pb.Metric.Value(f"METRIC_{name.upper()}")
    except ValueError as error:
        raise ValueError(f"columns: expected a metric such as power_w, was {name!r}") from error
