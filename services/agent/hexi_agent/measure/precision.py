"""The precisions in which a machine is measured."""

from __future__ import annotations

from typing import Literal

PrecisionName = Literal["fp64", "fp32", "tf32", "fp16", "bf16", "int8"]
PRECISIONS: tuple[PrecisionName, ...] = ("fp64", "fp32", "tf32", "fp16", "bf16", "int8")
