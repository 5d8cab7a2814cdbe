"""Goal: a power shelf's meter becomes the site's where its mapping says so, and its supplies are
nobody's servers. Method: a small shelf on loopback, the site's own rules before those shipped."""

from __future__ import annotations

from pathlib import Path

from hexi_agent.domain.physics import Meters
from hexi_agent.mapping.board import Board, BoardOptions
from hexi_agent.mapping.match import RuleBook
from hexi_agent.mapping.rules import parse_mapping, shipped
from hexi_agent.mapping.subjects import Subjects
from hexi_agent.sources.raw import RawReading
from hexi_agent.sources.redfish.options import RedfishOptions
from hexi_agent.sources.redfish.source import make
from hexi_agent.testing.collected import collecting
from hexi_agent.testing.small_redfish import PASSWORD, USERNAME, SmallRedfish
from hexi_agent.testing.small_shelf import SUPPLIES, small_shelf
from hexi_kit.clock import SystemClock

ENERGY, POWER = (f"PowerDistributionMetrics/{name}/Reading" for name in ("EnergykWh", "PowerWatts"))
INPUT = "PowerSupplyMetrics/InputPowerWatts/Reading"
OURS = f"""
about: the shelves feed the servers of their racks, and nothing else
rules:
  - {{read: {ENERGY}, subject: "shelf-*", scale: 3600000, meter: it_energy_ws}}
  - {{read: {INPUT}, subject: "shelf-*", unmapped: counted by the shelf}}
"""


async def test_shelves_are_the_sites_meter(tmp_path: Path) -> None:
    shelves = [
        SmallRedfish(small_shelf(9_000.0, 1_234.5)),
        SmallRedfish(small_shelf(6_000.0, 7.0, 2)),
    ]
    secret = tmp_path / "redfish.yaml"
    secret.write_text(f"{{username: {USERNAME}, password: {PASSWORD}}}")
    for one in shelves:
        await one.start()
    options = {
        "credentials": secret,
        "period_ms": 100,
        "targets": [{"url": one.url, "server": f"shelf-{n}"} for n, one in enumerate(shelves)],
    }
    source = make(RedfishOptions.model_validate(options), SystemClock())
    async with collecting(source) as heard:
        await heard.until(lambda: {*heard.subjects(INPUT)} >= {"shelf-0", "shelf-1"})
        await heard.until(lambda: {*heard.subjects(ENERGY)} >= {"shelf-0", "shelf-1"})
        await heard.until(lambda: len(heard.named(INPUT, "shelf-1")) >= SUPPLIES - 2)
    for one in shelves:
        await one.stop()

    assert set(heard.named(POWER)) == {9_000.0, 6_000.0}
    assert set(heard.named(INPUT)) == {1_500.0}
    now_ms = SystemClock().now_ms()
    rules = [*parse_mapping(OURS, "ours").rules, *shipped("redfish").rules]
    rules += shipped("meters").rules
    board = Board(
        RuleBook(rules), Subjects({"s0": 0}), SystemClock().now_ms, BoardOptions(1, 10_000)
    )
    board.take([*heard.readings, RawReading("a", "s0", "server_power_w", (), 300, "W", now_ms)])
    [sample] = board.read(Meters(), now_ms)
    assert sample.meters.it_ws == round((1_234.5 + 7.0) * 3_600_000)
    assert {line.reason for line in board.tally.lines() if line.name == INPUT} == {
        "counted by the shelf"
    }
    assert not [line for line in board.tally.lines() if line.reason == "no rule names it"]
