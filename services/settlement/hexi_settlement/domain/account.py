"""An account: what came in, what went out, and whether it may fall below zero."""

from dataclasses import dataclass
from enum import IntEnum

PLATFORM = "platform"
CASH = "platform:cash"
FEE = "platform:fee"
TAX = "platform:tax"
ROUNDING = "platform:rounding"


class AccountKind(IntEnum):
    """Numbers as on the wire and in the database."""

    CUSTOMER = 1
    PROVIDER = 2
    HOLD = 3
    FEE = 4
    TAX = 5
    ROUNDING = 6
    CASH = 7
    RECEIVABLE = 8


MAY_OWE = frozenset({AccountKind.CASH, AccountKind.RECEIVABLE})


@dataclass(slots=True)
class Account:
    """Debits leave, credits arrive. Only kinds in MAY_OWE ever have more debits than credits.

    `remainder_micro_yuan` is billed and not yet a whole fen; it moves no money.
    """

    account_id: str
    kind: AccountKind
    owner: str
    debits_fen: int = 0
    credits_fen: int = 0
    remainder_micro_yuan: int = 0

    @property
    def balance_fen(self) -> int:
        return self.credits_fen - self.debits_fen


def hold_account_of(account_id: str) -> str:
    """Where money of this account waits for trades."""
    return f"hold:{account_id}"


def receivable_of(owner: str) -> str:
    """Where what this owner owes beyond the balance is written down."""
    return f"receivable:{owner}"


def unassigned_of(site_id: str) -> str:
    """Where a site's earnings wait until its operator is known."""
    return f"unassigned:{site_id}"
