"""Goal: the page of the connected site is one that an agent understands whole. Method: its agent's
own reader, rules and table of hosts over real HTTP."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import yaml
from hexi_agent.main import main
from hexi_demo.exporter import Exporter
from hexi_kit.clock import SystemClock


async def pictured(folder: Path) -> int:
    """`hexi-agent map` of the site, in a thread of its own beside the exporter."""
    async with AsyncExitStack() as stack:
        exporter = Exporter(SystemClock())
        await exporter.serve(stack)
        exporter.write_hosts(folder / "hosts.csv")
        target = {"url": exporter.url, "server": "feed"}
        source = {"kind": "openmetrics", "period_ms": 100, "server_label": "node"}
        config = {
            "site_id": "dunhuang",
            "identity": "agent-dunhuang",
            "state_dir": str(folder),
            "period_ms": 100,
            "hosts": str(folder / "hosts.csv"),
            "sources": [source | {"targets": [target]}],
        }
        path = folder / "agent.yaml"
        path.write_text(yaml.safe_dump(config), encoding="utf-8")
        return await asyncio.to_thread(
            main, ["map", "--config", str(path), "--seconds", "0.5", "--json"]
        )


def test_every_server_is_heard_and_every_reading_has_a_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = asyncio.run(pictured(tmp_path))

    picture = json.loads(capsys.readouterr().out)
    coverage = {row["metric"]: row["servers"] for row in picture["coverage"]}
    assert (code, picture["silent"], picture["problems"]) == (0, [], [])
    assert coverage == {"power_w": 40, "inlet_temperature_c": 40}
    assert {row["reading"] for row in picture["unmapped"]} == {"up"}
