"""What an agent is told of measuring its machines."""

from __future__ import annotations

from typing import Annotated

from hexi_kit.model import BaseModel, ConfigDict, Field

from hexi_agent.measure.precision import PrecisionName

Subject = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Mops = Annotated[int, Field(ge=1, le=2**50)]


class MeasureConfig(BaseModel):
    """`commands` measure accelerators: each prints the JSON that ours prints for the processor."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seconds: float = Field(default=20.0, gt=0, le=600)
    # Of the matrices; the product of small ones measures their handling.
    size: int = Field(default=2_048, ge=16, le=32_768)
    commands: dict[Subject, tuple[str, ...]] = Field(default_factory=dict)
    # What vendors say, in millions of operations per second, by subject and precision.
    nominal_mops: dict[Subject, dict[PrecisionName, Mops]] = Field(default_factory=dict)
