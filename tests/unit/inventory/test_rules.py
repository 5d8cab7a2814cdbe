"""Goal: each rule of the access standard fires and does not fire, on its day and in its scope."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hexi_inventory.domain.rules import Evidence, Finding, refusals
from hexi_inventory.domain.site import Contact, Site, SiteClass
from hexi_inventory.store.rule_files import load_rule_set, parse_rule_set

RULES = load_rule_set("gansu-2022")
TODAY = date(2026, 11, 21)
GOOD = Site(
    site_id="s",
    name_zh="站",
    name_en="S",
    hub="gansu",
    cluster="lanzhou",
    region="gansu",
    operator="o",
    contact=Contact("a", "b", "c"),
    standard_racks=4_000,
    racks_in_use=3_000,
    design_power_w=10_000_000,
    rack_power_w=6_000,
    existing=False,
    start_zone=False,
    pue_milli=1_250,
    green_grade="4A",
    security_grade=3,
    state_owned_cloud=False,
    carbon_g_per_kwh=300,
    prices=(),
    latencies=(),
    commissioned_on="",
    agent_fingerprints=("ab" * 32,),
)
LARGE_AND_OLD = {"existing": True, "pue_milli": 1_500, "green_grade": "", "rack_power_w": 2_500}


def found(day: date = TODAY, measured: int | None = None, **facts: object) -> dict[str, Finding]:
    evidence = Evidence(replace(GOOD, **facts), measured)
    return {finding.rule_id: finding for finding in RULES.evaluate(evidence, day)}


@pytest.mark.parametrize(
    ("racks", "site_class"),
    [
        (1, SiteClass.EDGE),
        (99, SiteClass.EDGE),
        (100, SiteClass.SMALL_MEDIUM),
        (2_999, SiteClass.SMALL_MEDIUM),
        (3_000, SiteClass.LARGE),
        (9_999, SiteClass.LARGE),
        (10_000, SiteClass.SUPER_LARGE),
    ],
)
def test_class_by_standard_racks(racks: int, site_class: SiteClass) -> None:
    assert replace(GOOD, standard_racks=racks).site_class is site_class


@pytest.mark.parametrize(
    ("rule", "at_the_limit", "beyond"),
    [
        ("pue-new-large", {"pue_milli": 1_250}, {"pue_milli": 1_251}),
        ("rack-power-new-large", {"rack_power_w": 6_000}, {"rack_power_w": 5_999}),
        ("green-grade-new-large", {"green_grade": "4A"}, {"green_grade": "3A"}),
        ("green-grade-new-large", {"green_grade": "5A"}, {"green_grade": ""}),
        ("contact-present", {}, {"contact": Contact("a", "", "c")}),
        ("agent-certificate-bound", {}, {"agent_fingerprints": ()}),
        (
            "pue-new-edge",
            {"standard_racks": 99, "pue_milli": 1_500},
            {"standard_racks": 99, "pue_milli": 1_501},
        ),
        (
            "pue-qingyang",
            {"cluster": "qingyang", "pue_milli": 1_199},
            {"cluster": "qingyang", "pue_milli": 1_200},
        ),
        (
            "pue-start-zone",
            {"start_zone": True, "standard_racks": 500, "pue_milli": 1_250},
            {"start_zone": True, "standard_racks": 500, "pue_milli": 1_251},
        ),
        ("pue-existing-2026", LARGE_AND_OLD, LARGE_AND_OLD | {"pue_milli": 1_501}),
    ],
)
def test_rule_holds_at_its_limit_and_refuses_beyond(
    rule: str, at_the_limit: dict[str, object], beyond: dict[str, object]
) -> None:
    within = found(**at_the_limit)
    assert within[rule].passed
    assert not refusals(tuple(within.values()))
    assert found(**beyond)[rule].refuses


@pytest.mark.parametrize(
    ("rule", "facts"),
    [
        ("pue-new-large", {"existing": True}),
        ("pue-new-large", {"standard_racks": 2_999}),
        ("pue-new-edge", {"standard_racks": 100}),
        ("pue-qingyang", {"cluster": "lanzhou"}),
        ("pue-existing-2026", {"existing": False}),
        ("racks-fifty", {"standard_racks": 20}),
    ],
)
def test_rule_is_silent_outside_its_scope(rule: str, facts: dict[str, object]) -> None:
    assert rule not in found(**facts)


def test_old_sites_were_warned_until_2025_and_refused_after() -> None:
    old = {"existing": True, "pue_milli": 1_600}
    before, after = found(date(2025, 12, 31), **old), found(date(2026, 1, 1), **old)

    assert before["pue-existing-retrofit"].advisory
    assert not refusals(tuple(before.values()))
    assert "pue-existing-retrofit" not in after
    assert after["pue-existing-2026"].refuses


def test_notes_are_told_and_refuse_nobody() -> None:
    zone = {"start_zone": True, "racks_in_use": 100}
    for rule, finding in (
        ("rack-utilisation-start-zone", found(**zone)["rack-utilisation-start-zone"]),
        ("racks-fifty", found(**LARGE_AND_OLD, standard_racks=49)["racks-fifty"]),
        ("pue-measured-interim", found(measured=1_501)["pue-measured-interim"]),
    ):
        assert not finding.passed, rule
        assert not finding.refuses, rule


def test_nothing_metered_is_no_finding() -> None:
    assert "pue-measured-interim" not in found()


def test_nothing_holds_before_its_day() -> None:
    assert found(date(2022, 9, 22)) == {}


def test_finding_names_rule_value_limit_and_date() -> None:
    text = str(found(pue_milli=1_400)["pue-new-large"])
    for part in ("pue-new-large", "1.4", "at most 1.25", "2022-09-23"):
        assert part in text


RULE = """
name: n
rules:
  - {id: one-rule, measure: pue, comparison: at_most, limit: "1.5", unit: ratio, effect: refuse,
     source: s, effective_from: 2022-01-01}
"""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("measure: pue", "measure: luck"),
        ('limit: "1.5"', "limit: 1.5"),
        ('limit: "1.5"', 'limit: "much"'),
        ("at_most", "about"),
        ("effect: refuse", "effect: shout"),
        ("source: s", 'source: ""'),
        ("effective_from: 2022-01-01", "effective_from: soon"),
        ("unit: ratio", "unit: ratio, colour: red"),
        ("unit: ratio", "unit: ratio, scope: {classes: [huge]}"),
        ("id: one-rule", "id: One Rule"),
    ],
)
def test_what_is_no_rule_is_refused(before: str, after: str) -> None:
    assert parse_rule_set(RULE).rules
    with pytest.raises(ValueError, match="rules"):
        parse_rule_set(RULE.replace(before, after))


def test_an_id_used_twice_is_refused() -> None:
    twice = RULE + RULE.split("rules:")[1]
    with pytest.raises(ValueError, match="once"):
        parse_rule_set(twice)
