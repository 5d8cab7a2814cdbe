"""Reads `contracts/topics/*.yaml` and refuses what is not a promise."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

Service = Literal[
    "inventory", "telemetry", "scheduler", "marketplace", "settlement", "security-monitor"
]
Reader = Literal["replay"]
SPAN_MS = {"h": 3_600_000, "d": 86_400_000}


class BadTopicError(ValueError):
    """A topic file that breaks a rule: says which file and which rule."""


def span_ms(text: object) -> int:
    """`7d` or `1h` in milliseconds; `forever` is -1."""
    if text == "forever":
        return -1
    if not isinstance(text, str) or not re.fullmatch(r"[1-9][0-9]*[hd]", text):
        raise ValueError(f"expected a span such as 7d, 1h or forever, was {text!r}")
    return int(text[:-1]) * SPAN_MS[text[-1]]


SpanMs = Annotated[int, BeforeValidator(span_ms)]
Services = Annotated[tuple[Service, ...], Field(min_length=1)]


class TopicSource(BaseModel):
    """One topic file, checked."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^[a-z]+(-[a-z]+)*\.[a-z]+(-[a-z]+)*\.v[1-9][0-9]*$")]
    description: str
    owner: Service
    key: str
    message: Annotated[str, Field(pattern=r"^(ocsf|hexi\.[a-z]+\.v[1-9]\.[A-Z][A-Za-z]+)$")]
    partitions: Annotated[int, Field(ge=1, le=1024)]
    cleanup: Literal["compact", "delete"]
    message_bytes_max: Annotated[int, Field(ge=1024, le=16 * 2**20)]
    dead_letter: str
    producers: Services
    consumers: Services
    readers: tuple[Reader, ...] = ()
    retention: SpanMs | None = None
    compaction_lag: SpanMs | None = None

    @model_validator(mode="after")
    def agrees_with_itself(self) -> Self:
        if self.name.split(".")[0] not in (self.owner, "security"):
            raise ValueError(f"owner {self.owner} must begin the name")
        if self.dead_letter != f"{self.name}.dlq":
            raise ValueError(f"dead_letter must be {self.name}.dlq")
        if (self.cleanup == "delete") == (self.retention is None):
            raise ValueError("a deleting topic, and no other, says its retention")
        return self

    @property
    def retention_ms(self) -> int:
        return -1 if self.retention is None else self.retention

    @property
    def constant(self) -> str:
        owner, noun, version = self.name.split(".")
        suffix = "" if version == "v1" else f"_{version.upper()}"
        return f"{owner}_{noun}".upper().replace("-", "_") + suffix


def check(raw: object, file_name: str) -> TopicSource:
    """One parsed file.

    Raises:
        BadTopicError: with the file and the rules it breaks.
    """
    try:
        topic = TopicSource.model_validate(raw)
    except ValidationError as error:
        raise BadTopicError(f"{file_name}: {error}") from None
    if file_name != f"{topic.name}.yaml":
        raise BadTopicError(f"{file_name}: expected the file to be {topic.name}.yaml")
    return topic


def load(folder: Path) -> list[TopicSource]:
    """Every topic of `folder`, by name."""
    return [
        check(yaml.safe_load(path.read_text(encoding="utf-8")), path.name)
        for path in sorted(folder.glob("*.yaml"))
    ]
