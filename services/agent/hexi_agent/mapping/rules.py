"""Mapping files: which reading of a source becomes which metric of a server or meter of the site.

The first rule that has a fresh value wins; files of the site come before those that are shipped.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

import yaml
from hexi_kit.errors import InvalidArgument, Violation
from hexi_kit.model import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from hexi_agent.domain.readings import METERS, METRICS

_STRICT = ConfigDict(frozen=True, extra="forbid")
FILE_BYTES_MAX = 1024 * 1024
RULES_MAX = 2_000
# Meters whose stand the spool remembers over a restart.
SUMMED_UP = ("facility_energy_ws", "it_energy_ws")


def _words(value: object) -> object:
    return (value,) if isinstance(value, str) else value


# One pattern or several, as a shell spells them: `*`, `?`, `[ab]`.
Patterns = Annotated[tuple[str, ...], BeforeValidator(_words), Field(min_length=1)]


class Rule(BaseModel):
    """`read` names the reading, `where` its labels; `metric`, `meter` or `unmapped` what it is.

    value = offset + scale × (readings together, divided by those of `per`); "" in `where` asks for
    a label that is not there.
    """

    model_config = _STRICT

    read: Patterns
    where: dict[str, Patterns] = Field(default_factory=dict)
    unit: Patterns | None = None
    subject: Patterns | None = None
    metric: str = ""
    meter: str = ""
    # Why nobody needs this reading.
    unmapped: str = ""
    # counter: it only grows, and its rate per second is meant. watts: a meter's power, summed up.
    kind: Literal["gauge", "counter", "watts"] = Field("gauge", alias="as")
    # How several readings of one server become one.
    over: Literal["sum", "mean", "max", "min"] = "mean"
    # Labels that tell readings of one server apart; None: all labels do.
    by: tuple[str, ...] | None = None
    per: Patterns | None = None
    scale: float = Field(1.0, allow_inf_nan=False)
    offset: float = Field(0.0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _has_one_target(self) -> Rule:
        if [bool(self.metric), bool(self.meter), bool(self.unmapped)].count(True) != 1:
            raise ValueError("expected one of metric, meter and unmapped")
        if self.metric and self.metric not in METRICS:
            raise ValueError(f"metric: expected one of {sorted(METRICS)}, was {self.metric!r}")
        if self.meter and self.meter not in METERS:
            raise ValueError(f"meter: expected one of {sorted(METERS)}, was {self.meter!r}")
        if self.kind == "watts" and self.meter not in SUMMED_UP:
            raise ValueError(f"as: expected watts only for a meter of {SUMMED_UP}")
        if self.kind == "counter" and self.meter:
            raise ValueError("as: expected gauge or watts for a meter, was counter")
        return self


class FactRule(BaseModel):
    """What a reading tells of the server itself, for those who look for servers.

    A number is the count, sum or maximum of its readings, times `scale`; a word is a label's text.
    """

    model_config = _STRICT

    read: Patterns
    where: dict[str, Patterns] = Field(default_factory=dict)
    fact: Literal[
        "cpu_milli", "memory_mib", "accelerators", "power_limit_w", "model", "accelerator", "rack"
    ]
    over: Literal["count", "sum", "max"] = "max"
    by: tuple[str, ...] | None = None
    scale: float = Field(1.0, allow_inf_nan=False)
    label: str = ""

    @model_validator(mode="after")
    def _is_word_or_number(self) -> FactRule:
        if bool(self.label) != (self.fact in ("model", "accelerator", "rack")):
            raise ValueError("label: expected one for a word, and none for a number")
        return self


class MappingFile(BaseModel):
    """One file: rules in the order in which they are preferred."""

    model_config = _STRICT

    about: str = ""
    facts: tuple[FactRule, ...] = Field((), max_length=RULES_MAX)
    rules: tuple[Rule, ...] = Field((), max_length=RULES_MAX)


def shipped_names() -> list[str]:
    """Mappings that come with the agent."""
    folder = resources.files(__package__) / "shipped"
    return sorted(one.name.removesuffix(".yaml") for one in folder.iterdir() if _is_yaml(one.name))


def shipped(name: str) -> MappingFile:
    if name not in shipped_names():
        raise InvalidArgument(
            [Violation("mappings", f"expected one of {shipped_names()}, was {name!r}")]
        )
    text = (resources.files(__package__) / "shipped" / f"{name}.yaml").read_text("utf-8")
    return parse_mapping(text, name)


def read_mappings(files: Iterable[Path], names: Iterable[str] | None = None) -> list[MappingFile]:
    """These files, then the named ones that are shipped; None: all that are.

    Raises:
        InvalidArgument: saying which file is wrong where.
    """
    found: list[MappingFile] = []
    for path in files:
        try:
            text = path.read_bytes()[: FILE_BYTES_MAX + 1]
        except OSError as error:
            raise InvalidArgument([Violation("mappings", f"{path}: {error.strerror}")]) from error
        if len(text) > FILE_BYTES_MAX:
            raise InvalidArgument([Violation("mappings", f"{path}: over {FILE_BYTES_MAX} bytes")])
        found.append(parse_mapping(text, str(path)))
    return found + [shipped(name) for name in (shipped_names() if names is None else names)]


def parse_mapping(text: str | bytes, name: str) -> MappingFile:
    try:
        return MappingFile.model_validate(yaml.load(text, Loader=_LOADER))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidArgument([Violation("mappings", f"{name}: {error}")]) from error
    except ValidationError as error:
        found = [
            Violation(f"{name}: {'.'.join(str(part) for part in one['loc'])}", one["msg"])
            for one in error.errors()
        ]
        raise InvalidArgument(found) from error


# Ten times as fast where PyYAML has it.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _is_yaml(name: str) -> bool:
    return name.endswith(".yaml")
