"""Goal: every grade names value, limit, rule and date. Method: the rules in force on figures."""

from __future__ import annotations

import re

import pytest
from hexi_telemetry.domain.carbon import HOUR_MS, HOURS
from hexi_telemetry.domain.measures.figures import (
    compute_figures,
    day_of,
    energy_figures,
    latency_figures,
    security_figures,
)
from hexi_telemetry.domain.measures.grades import Figure, grades, rules_at
from hexi_telemetry.domain.measures.hours import HourEnergy, carbon_hours
from hexi_telemetry.domain.measures.links import RegionLatency
from hexi_telemetry.wire.measure_rules import measure_rules, parse_measure_rules

RULES = measure_rules().grades
TODAY = "2026-11-21"
KWH_WS = 3_600_000
MIX = (200,) * 12 + (600,) * 12
ENTRY = (
    "{{id: r, dimension: carbon, measure: cue, unit: g, {limits}: {said}, "
    'effective_from: "{since}", source: s}}'
)


def graded(**figures: int) -> dict[str, str]:
    found = {name.replace("_", "-"): Figure(value, "e") for name, value in figures.items()}
    return {one.rule.rule_id: one.grade for one in grades(rules_at(RULES, TODAY), found)}


def text(*entries: str) -> str:
    head = "link: {fresh_s: 1, differ_us: 1, differ_milli: 1}\nwindow_days: 30\ngrades:\n"
    return head + "".join(f"  - {entry}\n" for entry in entries)


def entry(limits: str = "at_most", said: str = "{A: 1, B: 2, C: 3}", since: str = TODAY) -> str:
    return ENTRY.format(limits=limits, said=said, since=since)


def test_the_limits_themselves_are_kept() -> None:
    assert [graded(pue=v)["efficiency-pue"] for v in (1_200, 1_201, 1_251, 1_301)] == list("ABCD")
    security = [graded(protection_grade=v)["security-grade"] for v in (4, 3, 2, 1)]
    assert security == list("ABCD")


def test_what_is_not_measured_is_not_graded() -> None:
    assert set(graded().values()) == {""}


def test_the_worst_rule_decides_its_dimension_and_advice_never() -> None:
    figures = {
        "pue": Figure(1_190, "e"),
        "fp64-per-watt": Figure(1, "e"),
        "own-region": Figure(3_000, "e"),
        "region-east": Figure(26_000, "e"),
    }

    found = {g.rule.rule_id: g for g in grades(rules_at(RULES, TODAY), figures)}

    decides = {name for name, grade in found.items() if grade.decides}
    assert decides == {"efficiency-pue", "latency-east"}
    east = found["latency-east"]
    assert (east.grade, east.value, east.limit) == ("C", 26_000, 30_000)
    assert east.rule.effective_from
    assert east.rule.source


def test_a_later_entry_takes_over_on_its_day() -> None:
    dated = parse_measure_rules(text(entry(since="2026-01-01"), entry(said="{A: 9, B: 9, C: 9}")))

    before, after = rules_at(dated.grades, "2026-11-20"), rules_at(dated.grades, TODAY)

    assert [r.limits for r in before] == [(1, 2, 3)]
    assert [r.limits for r in after] == [(9, 9, 9)]
    assert not rules_at(dated.grades, "2025-12-31")


@pytest.mark.parametrize(
    "broken",
    [
        entry(said="{A: 3, B: 2, C: 1}"),
        entry("at_least", said="{A: 1, B: 2, C: 3}"),
        entry(said="{A: 1, B: 2}"),
        entry(said="{A: 1.5, B: 2, C: 3}"),
        entry("about"),
        entry(since="soon"),
        entry().replace("carbon", "colour"),
        entry().replace("source: s", "colour: red"),
    ],
)
def test_a_broken_rule_is_refused(broken: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_measure_rules(text(broken))


def test_a_rule_stands_once_a_day() -> None:
    with pytest.raises(ValueError, match="once a day"):
        parse_measure_rules(text(entry(), entry()))


def test_figures_of_energy_are_rounded_against_the_site() -> None:
    midnight_ms = 16 * HOUR_MS
    hours = [
        HourEnergy(midnight_ms, KWH_WS, 1_200 * KWH_WS // 1_000 + 1, 1),
        HourEnergy(midnight_ms + 12 * HOUR_MS, KWH_WS, 1_200 * KWH_WS // 1_000, 1),
        HourEnergy(midnight_ms + 13 * HOUR_MS, KWH_WS, 0, 1),
    ]

    found = energy_figures(hours, MIX)

    assert found["pue"].value == 1_201
    assert found["cue"].value == 480
    assert "2 metered hours until 1970-01-02" in found["pue"].evidence
    assert not energy_figures(hours[2:], MIX)
    assert "cue" not in energy_figures(hours, ())


def test_each_hour_names_its_mix_and_its_grams() -> None:
    found = carbon_hours([HourEnergy(16 * HOUR_MS, KWH_WS, 2 * KWH_WS, 7)], MIX)

    assert found == [(16 * HOUR_MS, 2 * KWH_WS, 200, 400_000, 7)]
    assert not carbon_hours([HourEnergy(0, 1, 1, 1)], ())
    assert len(MIX) == HOURS


def test_figures_of_links_and_frames() -> None:
    found = latency_figures([RegionLatency("gansu", 3_000, 2, 120, 0)], "gansu")
    assert found["own-region"] == found["region-gansu"]
    assert found["own-region"].value == 3_000
    frames = security_figures(3, 999_999, 1)
    assert (frames["protection-grade"].value, frames["refused-frames"].value) == (3, 1)
    assert not security_figures(0, 0, 0)
    assert not compute_figures([])


def test_days_are_those_of_shanghai() -> None:
    assert [day_of(ms) for ms in (0, 16 * HOUR_MS - 1, 16 * HOUR_MS)] == [
        "1970-01-01",
        "1970-01-01",
        "1970-01-02",
    ]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", TODAY)
