"""Collects every violation of a request before refusing it once."""

import re

from hexi_kit.errors import InvalidArgument, Violation

_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}")
_VIOLATIONS_MAX = 50


class Violations:
    """Ask everything, then `raise_if_any`; the caller learns all that is wrong at once."""

    __slots__ = ("_found",)

    def __init__(self) -> None:
        self._found: list[Violation] = []

    def require(self, condition: bool, field: str, reason: str) -> bool:
        if not condition and len(self._found) < _VIOLATIONS_MAX:
            self._found.append(Violation(field, reason))
        return condition

    def identifier(self, field: str, value: str) -> bool:
        if _IDENTIFIER.fullmatch(value):
            return True
        return self.require(False, field, f"expected an identifier, was {value[:80]!r}")

    def bounded(self, field: str, value: int, low: int, high: int) -> bool:
        if low <= value <= high:
            return True
        return self.require(False, field, f"expected {low} to {high}, was {value}")

    def text(self, field: str, value: str, length_max: int, length_min: int = 1) -> bool:
        if length_min <= len(value) <= length_max:
            return True
        reason = f"expected {length_min} to {length_max} characters, was {len(value)}"
        return self.require(False, field, reason)

    def __len__(self) -> int:
        return len(self._found)

    def raise_if_any(self) -> None:
        if self._found:
            raise InvalidArgument(self._found)
