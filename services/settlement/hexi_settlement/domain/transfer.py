"""A transfer: one amount from one account to another, posted once, never changed."""

from dataclasses import dataclass
from enum import IntEnum


class TransferCode(IntEnum):
    """Why money moved; numbers as on the wire."""

    DEPOSIT = 1
    HOLD = 2
    HOLD_RELEASED = 3
    TRADE = 4
    USAGE = 5
    TAX = 6
    FEE = 7
    CREDIT_EXTENDED = 8
    CREDIT_REPAID = 9
    OPERATOR_ASSIGNED = 10


@dataclass(frozen=True, slots=True)
class Cause:
    """What a transfer pays for, and in whose trace."""

    subject: str
    traceparent: str = ""


@dataclass(frozen=True, slots=True)
class Transfer:
    """`sequence` is the place in the one order of the ledger; 0 until it is posted."""

    transfer_id: str
    debit_account: str
    credit_account: str
    amount_fen: int
    code: TransferCode
    cause: Cause
    posted_at_ms: int
    sequence: int = 0


def transfer_id(subject: str, code: TransferCode) -> str:
    """One subject moves money at most once for one reason, and the id says both."""
    return f"{_WORDS[code]}:{subject}"


_WORDS = {code: code.name.lower().replace("_", "-") for code in TransferCode}
