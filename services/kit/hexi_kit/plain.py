"""The words of `hexi_kit.model` for a process that is handed what another has checked.

Whoever imports this before any model is defined has plain classes, and ten megabytes more: the
library that checks is never loaded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

Model = TypeVar("Model", bound="BaseModel")
Function = TypeVar("Function")


class BaseModel:
    """Values of a model, as they were found right; checks nothing."""

    model_config: ClassVar[dict[str, Any]] = {}

    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)

    @classmethod
    def model_construct(cls: type[Model], **values: Any) -> Model:
        return cls(**values)

    def model_dump(self) -> dict[str, Any]:
        """Of models that hold no models."""
        return dict(self.__dict__)

    @classmethod
    def model_validate(cls, value: object) -> Any:
        raise TypeError(f"{cls.__name__}: expected what was checked elsewhere, was {value!r}")


class ValidationError(Exception):
    """Never raised: nothing is checked here."""

    def errors(self, **_: object) -> list[dict[str, Any]]:
        return []


def said_for_a_check(*_: object, **__: object) -> Any:
    """What only a check looks at."""
    return None


def checks(*_: object, **__: object) -> Callable[[Function], Function]:
    """Decorates what only a check calls."""
    return lambda function: function


ConfigDict = dict
Field = BeforeValidator = PlainValidator = said_for_a_check
field_validator = model_validator = checks
