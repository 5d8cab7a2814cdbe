"""Rates as dated rules, and the exact split of what a customer pays."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

PPM = 1_000_000
FOREVER = "9999-12-31"
VAT = "vat-information-services"
USAGE_FEE = "platform-fee-usage"
TRADE_FEE = "platform-fee-trade"


@dataclass(frozen=True, slots=True)
class Rule:
    """One value in force from a day to a day, and the paper it stands on."""

    rule_id: str
    value_ppm: int
    effective_from: str
    effective_to: str
    source: str

    @property
    def name(self) -> str:
        """The rule with its date, as an invoice names it."""
        return f"{self.rule_id}@{self.effective_from}"


@dataclass(frozen=True, slots=True)
class Rates:
    """What applies to one bill or one hold for its whole life."""

    tax_ppm: int
    tax_rule: str
    fee_ppm: int


@dataclass(frozen=True, slots=True)
class Shares:
    """A paid total, taken apart: the three always add up to it."""

    provider_fen: int
    tax_fen: int
    fee_fen: int


class RuleSet:
    """All rules; at most one of an id is in force on a day."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rules = sorted(rules, key=lambda rule: (rule.rule_id, rule.effective_from))

    @classmethod
    def parse(cls, entries: Iterable[Mapping[str, object]]) -> "RuleSet":
        """Read plain entries of a rules file."""
        rules = []
        for entry in entries:
            value = entry["value"]
            if entry["unit"] != "ppm" or not isinstance(value, int) or not 0 <= value <= PPM:
                raise ValueError(f"{entry['rule']}: expected 0 to {PPM} ppm, was {value!r}")
            until = str(entry.get("effective_to") or FOREVER)
            source = str(entry["source"])
            rules.append(
                Rule(str(entry["rule"]), value, str(entry["effective_from"]), until, source)
            )
        return cls(rules)

    def at(self, rule_id: str, day: str) -> Rule:
        """The rule in force on a day; before its time a rule is worth nothing."""
        for rule in self._rules:
            if rule.rule_id == rule_id and rule.effective_from <= day <= rule.effective_to:
                return rule
        return Rule(rule_id, 0, day, day, "not in force")

    def rates(self, fee_rule: str, day: str) -> Rates:
        vat = self.at(VAT, day)
        return Rates(vat.value_ppm, vat.name, self.at(fee_rule, day).value_ppm)


def shares(total_fen: int, rates: Rates) -> Shares:
    """Prices include tax. Tax is rounded half up, the fee down, both from the running total.

    Each part grows with the total and never faster than it, so the parts of a difference are never
    negative; that is why the fee is taken from the net amount and not from the gross.
    """
    divisor = PPM + rates.tax_ppm
    tax_fen = (2 * total_fen * rates.tax_ppm + divisor) // (2 * divisor)
    net_fen = total_fen - tax_fen
    fee_fen = net_fen * rates.fee_ppm // PPM
    return Shares(net_fen - fee_fen, tax_fen, fee_fen)


def shares_between(before_fen: int, after_fen: int, rates: Rates) -> Shares:
    """The parts of what came on top when a running total grew."""
    before, after = shares(before_fen, rates), shares(after_fen, rates)
    return Shares(
        after.provider_fen - before.provider_fen,
        after.tax_fen - before.tax_fen,
        after.fee_fen - before.fee_fen,
    )
