"""Every error the project raises on purpose.

HexiError
├── InvalidArgument      the request breaks a written rule, field by field
├── Unauthenticated      nobody knows who is calling
├── PermissionDenied     the caller is known and a policy says no
├── NotFound             the named thing does not exist
├── AlreadyExists        the named thing exists and differs
├── FailedPrecondition   right request, wrong moment
├── ResourceExhausted    a bound was reached; come back later
├── Unavailable          a thing we stand on is away; come back later
└── Verdict              what a stream handler says when it is not done
    ├── Busy             hold the message, pause the partition
    └── Poison           this message can never be handled

How each looks as a gRPC status stands in rpc/status.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass

_RETRY_AFTER_MS = 1_000


class HexiError(Exception):
    """Root of the tree; its text is meant for the caller to read."""


@dataclass(frozen=True)
class Violation:
    """One field that breaks one rule."""

    field: str
    reason: str


class InvalidArgument(HexiError):
    def __init__(self, violations: Sequence[Violation]) -> None:
        self.violations = tuple(violations)
        super().__init__("; ".join(f"{v.field}: {v.reason}" for v in self.violations))


class Unauthenticated(HexiError):
    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class PermissionDenied(HexiError):
    def __init__(self, policy: str, reason: str) -> None:
        self.policy = policy
        self.reason = reason
        super().__init__(f"{reason} (policy {policy})")


class NotFound(HexiError):
    def __init__(self, kind: str, id: str) -> None:  # noqa: A002 - the word callers use
        self.kind = kind
        self.id = id
        super().__init__(f"{kind} {id!r} not found")


class AlreadyExists(HexiError):
    def __init__(self, kind: str, id: str) -> None:  # noqa: A002 - the word callers use
        self.kind = kind
        self.id = id
        super().__init__(f"{kind} {id!r} already exists")


class FailedPrecondition(HexiError):
    def __init__(self, reason: str, subject: str = "") -> None:
        self.reason = reason
        self.subject = subject
        super().__init__(reason)


class ResourceExhausted(HexiError):
    def __init__(self, reason: str, retry_after_ms: int = _RETRY_AFTER_MS) -> None:
        self.reason = reason
        self.retry_after_ms = retry_after_ms
        super().__init__(reason)


class Unavailable(HexiError):
    def __init__(self, reason: str, retry_after_ms: int = _RETRY_AFTER_MS) -> None:
        self.reason = reason
        self.retry_after_ms = retry_after_ms
        super().__init__(reason)


class Verdict(HexiError):
    """Raised by a stream handler that did not finish its records."""


class Busy(Verdict):
    def __init__(self, reason: str, retry_after_ms: int = _RETRY_AFTER_MS) -> None:
        self.reason = reason
        self.retry_after_ms = retry_after_ms
        super().__init__(reason)


class Poison(Verdict):
    """`index` says which record is meant; all others of the batch are handed in again."""

    def __init__(self, reason: str, index: int = 0) -> None:
        self.reason = reason
        self.index = index
        super().__init__(reason)
