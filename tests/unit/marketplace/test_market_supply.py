"""Goal: what may be sold follows inventory and quarantine. Method: small sites by hand."""

from datetime import date

import pytest
from hexi_marketplace.domain.rules import MarketRules, Rule, read_rules
from hexi_marketplace.domain.supply import Quarantine, Servers, SiteFacts, Supply
from hexi_marketplace.settings import market_rules

NOW_MS = 1_795_228_200_000


def supply() -> Supply:
    found = Supply()
    found.record_site(SiteFacts("jinchang", 1, True, "operator-jinchang", 1_210))
    found.record_servers(
        Servers(
            "jinchang",
            1,
            racks=("r1", "r2"),
            rack=(0, 0, 1),
            cpu_milli=(64_000, 96_500, 64_000),
            accelerator_models=("A100",),
            accelerator=(0, 0, 1),
            accelerators=(0, 0, 8),
        )
    )
    return found


def test_units_are_whole_vcpus_and_accelerators() -> None:
    assert supply().units("jinchang") == {"general": 160, "A100": 8}
    assert supply().classes("jinchang") == ["A100", "general"]
    assert supply().units("nowhere") == {}


def test_a_quarantined_rack_cannot_be_sold_until_every_directive_is_lifted() -> None:
    found = supply()
    found.record_quarantine(Quarantine("d1", "jinchang", frozenset({"r1"}), True))
    found.record_quarantine(Quarantine("d2", "jinchang", frozenset({"r1"}), True))
    assert found.units("jinchang") == {"A100": 8}
    found.record_quarantine(Quarantine("d1", "jinchang", frozenset({"r1"}), False))
    assert found.units("jinchang") == {"A100": 8}
    found.record_quarantine(Quarantine("d2", "jinchang", frozenset(), False))
    assert found.units("jinchang") == {"general": 160, "A100": 8}


def test_a_directive_without_racks_is_about_the_whole_site() -> None:
    found = supply()
    found.record_quarantine(Quarantine("d1", "jinchang", frozenset(), True))

    assert found.units("jinchang") == {}


def test_an_older_revision_changes_nothing() -> None:
    found = supply()
    found.record_site(SiteFacts("jinchang", 0, False, "", 0))
    found.record_servers(Servers("jinchang", 0, (), (), (), (), (), ()))

    assert [site.operator for site in found.admitted_sites()] == ["operator-jinchang"]
    assert found.units("jinchang") == {"general": 160, "A100": 8}


@pytest.mark.parametrize(
    ("pue_milli", "grade"),
    [(1_200, "A"), (1_201, "B"), (1_250, "B"), (1_300, "C"), (1_301, "D"), (0, "D")],
)
def test_the_grade_is_the_best_whose_limit_the_pue_keeps(pue_milli: int, grade: str) -> None:
    assert market_rules().grade(pue_milli, NOW_MS) == grade


def test_a_rule_takes_over_on_its_day_at_local_midnight() -> None:
    shipped = market_rules()
    newer = Rule("price-tick", "general", 500, "micro-yuan", date(2026, 11, 22), "test")
    rules = MarketRules([*shipped._rules, newer])
    midnight_ms = 1_795_276_800_000  # 2026-11-22 00:00 in Lanzhou

    assert rules.limits("general", midnight_ms - 1).tick.value == 100
    assert rules.limits("general", midnight_ms).tick.value == 500
    assert rules.limits("A100", midnight_ms).tick.value == 100


def test_a_missing_rule_is_refused_when_read() -> None:
    with pytest.raises(ValueError, match="horizon"):
        read_rules({"rules": []})
