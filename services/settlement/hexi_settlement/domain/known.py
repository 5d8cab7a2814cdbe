"""What a book knows when it is opened, and what has changed when it is shut."""

from dataclasses import dataclass, field

from hexi_settlement.domain.account import Account
from hexi_settlement.domain.bill import Bill, Invoice, Line, LineKey
from hexi_settlement.domain.hold import Hold
from hexi_settlement.domain.transfer import Transfer


@dataclass(frozen=True, slots=True)
class Mark:
    """Everything of (topic, partition) below `next_offset` is in the ledger."""

    topic: str
    partition: int
    next_offset: int


@dataclass(frozen=True, slots=True)
class RatedUsage:
    """One usage as it was billed: the evidence behind a line."""

    usage_id: str
    line: LineKey
    unit_ms: int
    amount_micro_yuan: int
    posted_fen: int
    traceparent: str


@dataclass(frozen=True, slots=True)
class SettledTrade:
    """One trade as it was paid."""

    trade_id: str
    hold_id: str
    seller_account: str
    amount_micro_yuan: int
    posted_fen: int


@dataclass(slots=True)
class Known:
    """What the store loaded: complete for what the commands said they need."""

    accounts: dict[str, Account] = field(default_factory=dict)
    holds: dict[str, Hold] = field(default_factory=dict)
    bills: dict[tuple[str, str], Bill] = field(default_factory=dict)
    lines: dict[LineKey, Line] = field(default_factory=dict)
    operators: dict[str, str] = field(default_factory=dict)
    transfers: dict[str, Transfer] = field(default_factory=dict)
    usages: set[str] = field(default_factory=set)
    trades: set[str] = field(default_factory=set)
    closed_through: str = ""
    sequence: int = 0


@dataclass(slots=True)
class Changes:
    """What the store must write, all of it in one transaction."""

    accounts: dict[str, Account] = field(default_factory=dict)
    holds: dict[str, Hold] = field(default_factory=dict)
    bills: dict[tuple[str, str], Bill] = field(default_factory=dict)
    lines: dict[LineKey, Line] = field(default_factory=dict)
    operators: dict[str, str] = field(default_factory=dict)
    transfers: list[Transfer] = field(default_factory=list)
    usages: list[RatedUsage] = field(default_factory=list)
    trades: list[SettledTrade] = field(default_factory=list)
    invoices: list[Invoice] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    closed_through: str = ""
