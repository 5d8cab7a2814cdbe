"""The words in which a model says what may come from outside: pydantic's, or the plain ones."""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING or "hexi_kit.plain" not in sys.modules:
    from pydantic import (
        BaseModel,
        BeforeValidator,
        ConfigDict,
        Field,
        PlainValidator,
        ValidationError,
        field_validator,
        model_validator,
    )
else:
    from hexi_kit.plain import (
        BaseModel,
        BeforeValidator,
        ConfigDict,
        Field,
        PlainValidator,
        ValidationError,
        field_validator,
        model_validator,
    )

__all__ = [
    "BaseModel",
    "BeforeValidator",
    "ConfigDict",
    "Field",
    "PlainValidator",
    "ValidationError",
    "field_validator",
    "model_validator",
]
