"""Settling trades: the buyer's hold pays the seller, and gives the rest back at the end."""

from dataclasses import dataclass

from hexi_settlement.domain.account import (
    FEE,
    PLATFORM,
    ROUNDING,
    TAX,
    Account,
    AccountKind,
    hold_account_of,
)
from hexi_settlement.domain.bill import MICRO_YUAN_PER_FEN
from hexi_settlement.domain.book import Book
from hexi_settlement.domain.command import Needs
from hexi_settlement.domain.desk import ReleaseHold
from hexi_settlement.domain.hold import Hold, HoldState
from hexi_settlement.domain.known import Mark, SettledTrade
from hexi_settlement.domain.rules import shares_between
from hexi_settlement.domain.stopped import Stopped
from hexi_settlement.domain.transfer import Cause, TransferCode

SELLS = (AccountKind.PROVIDER, AccountKind.CUSTOMER)


@dataclass(frozen=True, slots=True)
class Trade:
    """Agreed: so many units at this price, each for one slot."""

    trade_id: str
    hold_id: str
    buyer_account: str
    seller_account: str
    price_micro_yuan: int
    units: int
    traceparent: str

    @property
    def amount_micro_yuan(self) -> int:
        return self.price_micro_yuan * self.units


@dataclass(frozen=True, slots=True)
class OrderEnd:
    """An order is over; sellers' orders had no hold."""

    hold_id: str


@dataclass(frozen=True, slots=True)
class TradeEntry:
    """One record of the log; a fault means it said neither of the two."""

    item: Trade | OrderEnd | None
    mark: Mark
    fault: str = ""


@dataclass(frozen=True, slots=True)
class SettleTrades:
    """Settle the entries in order up to the first that is refused."""

    entries: tuple[TradeEntry, ...]

    def needs(self) -> Needs:
        items = [entry.item for entry in self.entries if entry.item is not None]
        trades = [item for item in items if isinstance(item, Trade)]
        sellers = frozenset(trade.seller_account for trade in trades)
        return Needs(
            accounts=frozenset({FEE, TAX, ROUNDING}) | sellers,
            holds=frozenset(item.hold_id for item in items if item.hold_id),
            trades=frozenset(trade.trade_id for trade in trades),
        )

    def decide(self, book: Book) -> Stopped | None:
        for index, entry in enumerate(self.entries):
            fault = entry.fault or self._settle(book, entry)
            if fault:
                return Stopped(index, fault)
            book.mark(entry.mark)
        return None

    def _settle(self, book: Book, entry: TradeEntry) -> str:
        match entry.item:
            case Trade() as trade:
                return "" if trade.trade_id in book.known.trades else capture(book, trade)
            case OrderEnd(hold_id) if hold_id:
                if hold_id not in book.known.holds:
                    return f"expected a hold, {hold_id} is none"
                ReleaseHold(hold_id).decide(book)
        return ""


def capture(book: Book, trade: Trade) -> str:
    """Pay the seller from the hold; answers why not, and then nothing has moved."""
    hold = book.known.holds.get(trade.hold_id)
    if hold is None or hold.account_id != trade.buyer_account:
        return f"trade {trade.trade_id}: expected a hold of {trade.buyer_account}, was none"
    after_micro_yuan = hold.traded_micro_yuan + trade.amount_micro_yuan
    after_fen = after_micro_yuan // MICRO_YUAN_PER_FEN
    if hold.state != HoldState.PLACED or after_fen > hold.amount_fen:
        return (
            f"trade {trade.trade_id}: hold {hold.hold_id} is {hold.state.name} with "
            f"{hold.left_fen} fen left, {after_fen - hold.captured_fen} were asked"
        )
    seller = book.account(trade.seller_account, AccountKind.PROVIDER, trade.seller_account)
    if seller.kind not in SELLS:
        return f"trade {trade.trade_id}: {seller.account_id} is a {seller.kind.name} account"
    before_fen = hold.captured_fen
    hold.traded_micro_yuan = after_micro_yuan
    _pay(book, hold, before_fen, seller, Cause(trade.trade_id, trade.traceparent))
    book.keep_hold(hold)
    book.settled(
        SettledTrade(
            trade.trade_id,
            hold.hold_id,
            seller.account_id,
            trade.amount_micro_yuan,
            after_fen - before_fen,
        )
    )
    return ""


def _pay(book: Book, hold: Hold, before_fen: int, seller: Account, cause: Cause) -> None:
    aside = book.known.accounts[hold_account_of(hold.account_id)]
    parts = shares_between(before_fen, hold.captured_fen, hold.rates)
    if parts.provider_fen:
        book.post(aside, seller, parts.provider_fen, TransferCode.TRADE, cause)
    if parts.tax_fen:
        tax = book.account(TAX, AccountKind.TAX, PLATFORM)
        book.post(aside, tax, parts.tax_fen, TransferCode.TAX, cause)
    if parts.fee_fen:
        fee = book.account(FEE, AccountKind.FEE, PLATFORM)
        book.post(aside, fee, parts.fee_fen, TransferCode.FEE, cause)
