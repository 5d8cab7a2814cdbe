"""What a benchmark prints as JSON: ours does, and a vendor's tool behind a small script can."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from hexi_agent.measure.precision import PrecisionName

_STRICT = ConfigDict(frozen=True, extra="forbid")


class Figure(BaseModel):
    """Millions of operations per second between two moments, or why there are none."""

    model_config = _STRICT

    precision: PrecisionName
    sparse: bool = False
    measured_mops: int = Field(default=0, ge=0, le=2**50)
    not_measured: str = Field(default="", max_length=200)
    from_ms: int = Field(default=0, ge=0, le=2**50)
    to_ms: int = Field(default=0, ge=0, le=2**50)


class BenchmarkResult(BaseModel):
    """`subject` is "cpu" or the model of the accelerators that `devices` counts."""

    model_config = _STRICT

    subject: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    devices: int = Field(default=1, ge=1, le=1_024)
    figures: Annotated[tuple[Figure, ...], Field(min_length=1, max_length=16)]
    memory_bytes_per_s: int = Field(default=0, ge=0, le=2**60)
