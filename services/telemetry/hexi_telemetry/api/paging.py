"""Page sizes and tokens: a token says behind which row the next page begins."""

from __future__ import annotations

from hexi_kit.rpc.validate import Violations

from hexi_telemetry.domain.stream import NUMBER_MAX

SIZE_DEFAULT = 100
SIZE_MAX = 1_000


def page_size(violations: Violations, size: int) -> int:
    violations.bounded("page_size", size, 0, SIZE_MAX)
    return size or SIZE_DEFAULT


def token(*place: int) -> str:
    return "-".join(str(number) for number in place)


def read_token(violations: Violations, text: str, numbers: int) -> list[int]:
    """The numbers of a token; below every row where there is none."""
    if not text:
        return [-1] * numbers
    parts = text.split("-")
    is_ours = len(parts) == numbers and all(p.isascii() and p.isdigit() for p in parts)
    if is_ours and all(len(p) < 20 and int(p) <= NUMBER_MAX for p in parts):
        return [int(part) for part in parts]
    violations.require(False, "page_token", "expected a token of an earlier answer")
    return [-1] * numbers
