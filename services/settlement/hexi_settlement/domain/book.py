"""The part of the ledger that commands decide on, and everything they changed in it."""

from dataclasses import dataclass, replace

from hexi_settlement.domain.account import MAY_OWE, Account, AccountKind
from hexi_settlement.domain.bill import Bill, Invoice, Line, LineKey
from hexi_settlement.domain.calendar import first_day
from hexi_settlement.domain.hold import Hold
from hexi_settlement.domain.known import Changes, Known, Mark, RatedUsage, SettledTrade
from hexi_settlement.domain.rules import USAGE_FEE, RuleSet
from hexi_settlement.domain.transfer import Cause, Transfer, TransferCode, transfer_id


class LedgerBroken(Exception):
    """A command tried what the ledger forbids: a bug, never an answer to a caller."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When commands are decided, and under which rules."""

    now_ms: int
    rules: RuleSet


class Book:
    """Commands change it only through these methods, so nothing changed stays unwritten."""

    def __init__(self, known: Known, moment: Moment) -> None:
        self.known, self.moment = known, moment
        self.changes = Changes()
        self._by_owner: dict[tuple[str, AccountKind], list[Account]] = {}
        for account in known.accounts.values():
            self._by_owner.setdefault((account.owner, account.kind), []).append(account)

    def post(
        self, debit: Account, credit: Account, amount_fen: int, why: TransferCode, cause: Cause
    ) -> Transfer:
        """Move money; refuses what would break the ledger."""
        if amount_fen <= 0 or debit is credit:
            raise LedgerBroken(f"expected money between two accounts, was {amount_fen} fen")
        if debit.kind not in MAY_OWE and debit.balance_fen < amount_fen:
            raise LedgerBroken(
                f"{debit.account_id}: expected {amount_fen} fen, was {debit.balance_fen}"
            )
        name = transfer_id(cause.subject, why)
        if name in self.known.transfers:
            raise LedgerBroken(f"{why.name} for {cause.subject}: expected once, was posted before")
        self.known.sequence += 1
        transfer = Transfer(
            name,
            debit.account_id,
            credit.account_id,
            amount_fen,
            why,
            cause,
            self.moment.now_ms,
            self.known.sequence,
        )
        debit.debits_fen += amount_fen
        credit.credits_fen += amount_fen
        self.known.transfers[name] = transfer
        self.changes.accounts[debit.account_id] = debit
        self.changes.accounts[credit.account_id] = credit
        self.changes.transfers.append(transfer)
        return transfer

    def account(self, account_id: str, kind: AccountKind, owner: str) -> Account:
        """This account, opened if it was not there."""
        found = self.known.accounts.get(account_id)
        if found is None:
            found = Account(account_id, kind, owner)
            self.known.accounts[account_id] = self.changes.accounts[account_id] = found
            self._by_owner.setdefault((owner, kind), []).append(found)
        return found

    def account_of(self, owner: str, kind: AccountKind) -> Account:
        """The account that stands for an owner: named like the owner, else the first by name."""
        found = self._by_owner.get((owner, kind))
        if found:
            return min(found, key=lambda a: (a.account_id != owner, a.account_id))
        taken = owner in self.known.accounts
        return self.account(f"{kind.name.lower()}:{owner}" if taken else owner, kind, owner)

    def keep_remainder(self, account: Account, micro_yuan: int) -> None:
        if micro_yuan:
            account.remainder_micro_yuan += micro_yuan
            self.changes.accounts[account.account_id] = account

    def bill(self, tenant_id: str, month: str) -> Bill:
        """The running bill, begun with the rates of the month's first day."""
        key = (tenant_id, month)
        found = self.known.bills.get(key)
        if found is None:
            rates = self.moment.rules.rates(USAGE_FEE, first_day(month))
            found = self.known.bills[key] = Bill(tenant_id, month, rates)
        self.changes.bills[key] = found
        return found

    def line(self, key: LineKey) -> Line:
        found = self.known.lines.get(key)
        if found is None:
            found = self.known.lines[key] = Line(key)
        self.changes.lines[key] = found
        return found

    def keep_hold(self, hold: Hold) -> Hold:
        """Note a new or changed hold; the answer is a copy that later commands do not change."""
        self.known.holds[hold.hold_id] = self.changes.holds[hold.hold_id] = hold
        return replace(hold)

    def operate(self, site_id: str, operator: str) -> None:
        """From now on this operator is paid for the site."""
        if self.known.operators.get(site_id) != operator:
            self.known.operators[site_id] = self.changes.operators[site_id] = operator

    def rated(self, usage: RatedUsage) -> None:
        self.known.usages.add(usage.usage_id)
        self.changes.usages.append(usage)

    def settled(self, trade: SettledTrade) -> None:
        self.known.trades.add(trade.trade_id)
        self.changes.trades.append(trade)

    def issue(self, invoice: Invoice) -> None:
        self.changes.bills[invoice.bill.tenant_id, invoice.bill.month] = invoice.bill
        self.changes.invoices.append(invoice)

    def close_through(self, month: str) -> None:
        self.known.closed_through = self.changes.closed_through = month

    def mark(self, mark: Mark) -> None:
        self.changes.marks.append(mark)
