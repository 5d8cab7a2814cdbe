"""Commands of the ledger's door: open, deposit, hold, release."""

from dataclasses import dataclass, replace

from hexi_kit.errors import AlreadyExists, FailedPrecondition, NotFound
from hexi_kit.ids import derive

from hexi_settlement.domain.account import (
    CASH,
    PLATFORM,
    ROUNDING,
    Account,
    AccountKind,
    hold_account_of,
    receivable_of,
)
from hexi_settlement.domain.bill import MICRO_YUAN_PER_FEN
from hexi_settlement.domain.book import Book
from hexi_settlement.domain.calendar import day_of
from hexi_settlement.domain.command import Needs
from hexi_settlement.domain.hold import Hold, HoldState
from hexi_settlement.domain.rules import TRADE_FEE
from hexi_settlement.domain.transfer import Cause, Transfer, TransferCode, transfer_id


@dataclass(frozen=True, slots=True)
class OpenAccount:
    """The same account again is the same answer; another one of that name is refused."""

    account_id: str
    kind: AccountKind
    owner: str

    def needs(self) -> Needs:
        return Needs(accounts=frozenset({self.account_id}))

    def decide(self, book: Book) -> Account:
        account = book.account(self.account_id, self.kind, self.owner)
        if (account.kind, account.owner) != (self.kind, self.owner):
            raise AlreadyExists("account", self.account_id)
        return replace(account)


@dataclass(frozen=True, slots=True)
class Deposit:
    """Money came in at the bank. What the owner still owes is paid back from it at once."""

    account_id: str
    amount_fen: int
    idempotency_key: str
    traceparent: str = ""

    @property
    def subject(self) -> str:
        return derive("deposit", self.account_id, self.idempotency_key)

    def needs(self) -> Needs:
        return Needs(
            accounts=frozenset({self.account_id, CASH}),
            transfers=frozenset({transfer_id(self.subject, TransferCode.DEPOSIT)}),
        )

    def decide(self, book: Book) -> Transfer:
        name = transfer_id(self.subject, TransferCode.DEPOSIT)
        posted = book.known.transfers.get(name)
        if posted is not None:
            if posted.amount_fen != self.amount_fen:
                raise AlreadyExists("deposit", self.idempotency_key)
            return posted
        account = _customer(book, self.account_id)
        cash = book.account(CASH, AccountKind.CASH, PLATFORM)
        cause = Cause(self.subject, self.traceparent)
        posted = book.post(cash, account, self.amount_fen, TransferCode.DEPOSIT, cause)
        owed = book.known.accounts.get(receivable_of(account.owner))
        if owed is not None and owed.balance_fen < 0:
            back_fen = min(-owed.balance_fen, account.balance_fen)
            book.post(account, owed, back_fen, TransferCode.CREDIT_REPAID, cause)
        return posted


@dataclass(frozen=True, slots=True)
class PlaceHold:
    """Set money aside before an order counts."""

    account_id: str
    amount_fen: int
    subject: str
    idempotency_key: str
    traceparent: str = ""

    @property
    def hold_id(self) -> str:
        return derive("hold", self.account_id, self.idempotency_key)

    def needs(self) -> Needs:
        return Needs(accounts=frozenset({self.account_id}), holds=frozenset({self.hold_id}))

    def decide(self, book: Book) -> Hold:
        placed = book.known.holds.get(self.hold_id)
        if placed is not None:
            if (placed.amount_fen, placed.subject) != (self.amount_fen, self.subject):
                raise AlreadyExists("hold", self.hold_id)
            return replace(placed)
        account = _customer(book, self.account_id)
        if account.balance_fen < self.amount_fen:
            raise FailedPrecondition(
                f"expected {self.amount_fen} fen, balance was {account.balance_fen}",
                self.account_id,
            )
        aside = book.account(hold_account_of(account.account_id), AccountKind.HOLD, account.owner)
        cause = Cause(self.hold_id, self.traceparent)
        book.post(account, aside, self.amount_fen, TransferCode.HOLD, cause)
        rates = book.moment.rules.rates(TRADE_FEE, day_of(book.moment.now_ms))
        hold = Hold(self.hold_id, self.account_id, self.amount_fen, self.subject, rates)
        return book.keep_hold(hold)


@dataclass(frozen=True, slots=True)
class ReleaseHold:
    """Give back what no trade took; a hold that is over stays as it is."""

    hold_id: str
    traceparent: str = ""

    def needs(self) -> Needs:
        return Needs(holds=frozenset({self.hold_id}), accounts=frozenset({ROUNDING}))

    def decide(self, book: Book) -> Hold:
        hold = book.known.holds.get(self.hold_id)
        if hold is None:
            raise NotFound("hold", self.hold_id)
        if hold.state != HoldState.PLACED:
            return replace(hold)
        left_fen = hold.left_fen
        if left_fen:
            account = book.known.accounts[hold.account_id]
            aside = book.known.accounts[hold_account_of(hold.account_id)]
            cause = Cause(hold.hold_id, self.traceparent)
            book.post(aside, account, left_fen, TransferCode.HOLD_RELEASED, cause)
        rounding = book.account(ROUNDING, AccountKind.ROUNDING, PLATFORM)
        book.keep_remainder(rounding, hold.traded_micro_yuan % MICRO_YUAN_PER_FEN)
        hold.state = HoldState.RELEASED if left_fen else HoldState.CAPTURED
        return book.keep_hold(hold)


def _customer(book: Book, account_id: str) -> Account:
    account = book.known.accounts.get(account_id)
    if account is None:
        raise NotFound("account", account_id)
    if account.kind != AccountKind.CUSTOMER:
        raise FailedPrecondition(
            f"expected a customer's account, was {account.kind.name}", account_id
        )
    return account
