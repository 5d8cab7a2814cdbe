"""Goal: `hexi telemetry` asks what was typed and shows what was answered. Method: the command
against a server that remembers the question and gives a fixed answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hexi.telemetry.v1 import series_pb2, telemetry_pb2
from hexi.telemetry.v1 import series_service_pb2 as rpc
from hexi.telemetry.v1 import telemetry_service_pb2 as ledger
from hexi.telemetry.v1.series_service_pb2_grpc import (
    SeriesServiceServicer,
    add_SeriesServiceServicer_to_server,
)
from hexi.telemetry.v1.telemetry_service_pb2_grpc import (
    TelemetryServiceServicer,
    add_TelemetryServiceServicer_to_server,
)
from hexi_cli.main import app
from hexi_kit.identity import Principal
from hexi_kit.testing.pki import Pki
from hexi_kit.testing.rpc import serve
from typer.testing import CliRunner

NOW_MS = 1_800_000_000_000 // 60_000 * 60_000
HOUR_MS = 3_600_000


class Answers(SeriesServiceServicer):
    """Three points, one of them not heard; one site."""

    def __init__(self) -> None:
        self.asked = rpc.QuerySeriesRequest()

    async def QuerySeries(self, request, context):
        self.asked = request
        return rpc.QuerySeriesResponse(
            series=series_pb2.Series(
                site_id=request.site_id,
                metric=request.metric,
                from_ms=request.from_ms,
                step_ms=HOUR_MS,
                mean=[250.25, 0, 251],
                low=[200, 0, 210],
                high=[300, 0, 310],
                coverage_ppm=[995_000, 0, 1_000_000],
                servers=[40, 40, 40],
                revision=[1, 0, 2],
                resolution=0.0001,
            )
        )

    async def WatchSites(self, request, context):
        site = series_pb2.SiteNow(
            site_id="lanzhou",
            observed_at_ms=NOW_MS,
            servers=40,
            coverage_ppm=900_000,
            it_power_w=10_000,
            pue_milli=1_187,
            silent_racks=[f"r{n}" for n in range(5)],
            silent_rack_count=5,
        )
        whole = series_pb2.ProvinceNow(sites=1, servers=40, it_power_w=10_000)
        yield rpc.WatchSitesResponse(at_ms=NOW_MS, sites=[site], province=whole)


class Ledger(TelemetryServiceServicer):
    """Gaps on three pages, and a rollup of the width that is asked for."""

    async def ListGaps(self, request, context):
        page = int(request.page_token or 1)
        gap = telemetry_pb2.GapRecorded(
            agent_id=f"of page {page}",
            epoch=2,
            first_sequence=7,
            last_sequence=9,
            cause=1,
            recorded_at_ms=NOW_MS,
        )
        following = str(page + 1) if page < 3 else ""
        return ledger.ListGapsResponse(gaps=[gap], next_page_token=following)

    async def ListRollups(self, request, context):
        rollup = telemetry_pb2.RollupClosed(
            start_ms=NOW_MS - request.width_ms,
            end_ms=NOW_MS,
            it_energy_ws=36_000_000_000,
            facility_energy_ws=43_200_000_000,
            coverage_ppm=998_000,
            revision=3,
        )
        rollup.pue.MergeFrom(
            telemetry_pb2.Pue(value_milli=1_200, low_milli=1_188, high_milli=1_212)
        )
        rollup.indicators.add(name="CUE", unit="g/(kW.h)", value_micro=477_200_000)
        return ledger.ListRollupsResponse(rollups=[rollup])


@dataclass
class Hexi:
    state_dir: Path
    answers: Answers = field(default_factory=Answers)

    async def type(self, *words: str, lang: str = "en", code: int = 0) -> str:
        before = ["--as", "operator-1", "--state-dir", str(self.state_dir), "--lang", lang]
        # Narrower than any table: nothing is cut off where nobody has a screen.
        runner = CliRunner(env={"COLUMNS": "40"})
        result = await asyncio.to_thread(runner.invoke, app, [*before, *words])
        assert result.exit_code == code, result.output
        return result.output


@pytest.fixture
async def hexi(tmp_path: Path) -> AsyncIterator[Hexi]:
    pki = Pki(tmp_path / "pki")
    pki.identity(Principal("operator", "1"))
    made = Hexi(tmp_path)
    doors = [
        (add_SeriesServiceServicer_to_server, made.answers),
        (add_TelemetryServiceServicer_to_server, Ledger()),
    ]
    async with serve(doors, pki) as harness:
        run = {"addresses": {"telemetry": harness.address}}
        (tmp_path / "run.json").write_text(json.dumps(run))
        yield made


async def test_a_series_is_a_table_with_its_holes(hexi: Hexi) -> None:
    text = await hexi.type("telemetry", "series", "--site", "lanzhou", "--rack", "r7")

    for part in ("250.2", "10,010.0", "99.5 %", "–", "unit: W"):
        assert part in text
    asked = hexi.answers.asked
    assert (asked.rack, asked.to_ms, asked.from_ms) == ("r7", NOW_MS, NOW_MS - 24 * HOUR_MS)
    assert asked.step_ms == HOUR_MS // 2


async def test_the_same_in_chinese(hexi: Hexi) -> None:
    text = await hexi.type("telemetry", "series", "--site", "lanzhou", lang="zh")

    for part in ("时间", "均值", "覆盖率", "总和"):
        assert part in text


async def test_times_are_lanzhous_and_json_is_the_answer(hexi: Hexi) -> None:
    words = ["--from", "2026-11-21T08:00", "--to", "2026-11-21T01:00+00:00", "--step", "5m"]
    text = await hexi.type(
        "--json", "telemetry", "series", "--site", "lanzhou", "--server", "3", *words
    )

    asked = hexi.answers.asked
    assert asked.to_ms - asked.from_ms == HOUR_MS
    assert (asked.server, asked.step_ms) == (3, 300_000)
    assert json.loads(text)[0]["mean"] == [250.25, 0.0, 251.0]


async def test_a_plot_is_one_file_that_needs_nothing(hexi: Hexi, tmp_path: Path) -> None:
    file = tmp_path / "power.svg"

    text = await hexi.type("telemetry", "series", "--site", "lanzhou", "--plot", str(file))

    drawn = file.read_text()
    assert "3 points" in text
    assert "<svg" in drawn and "lanzhou power_w" in drawn
    assert "<script" not in drawn and "<!--" not in drawn


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--metric", "colour"], "power_w"),
        (["--rack", "r1", "--server", "1"], "was both"),
        (["--step", "soon"], "for example 5m"),
        (["--from", "yesterday"], "for example 24h"),
    ],
)
async def test_a_misspelt_question_is_told_what_was_expected(
    hexi: Hexi, words: list[str], text: str
) -> None:
    assert text in await hexi.type("telemetry", "series", "--site", "lanzhou", *words, code=2)


async def test_the_province_is_shown_as_it_is_now(hexi: Hexi) -> None:
    text = await hexi.type("telemetry", "watch", "--once")

    for part in ("lanzhou", "90.0 %", "1.187", "r0, r1, r2 +2", "1 sites"):
        assert part in text


async def test_gaps_say_what_and_why(hexi: Hexi) -> None:
    text = await hexi.type("telemetry", "gaps", "--site", "lanzhou")

    for part in ("agent lost", "7", "9", "of page 1", "of page 2", "of page 3"):
        assert part in text


async def test_the_newest_gaps_are_of_the_last_page(hexi: Hexi) -> None:
    text = await hexi.type("telemetry", "gaps", "--site", "lanzhou", "--last", "2")

    assert "of page 1" not in text
    assert "of page 2" in text and "of page 3" in text


async def test_pue_stands_with_its_bounds(hexi: Hexi) -> None:
    text = await hexi.type("telemetry", "pue", "--site", "lanzhou")

    for part in ("1.200", "1.188", "1.212", "10,000.000", "12,000.000", "477.200", "99.8 %"):
        assert part in text


async def test_only_the_width_that_was_typed_is_asked_for(hexi: Hexi) -> None:
    words = ["telemetry", "pue", "--site", "lanzhou", "--width"]

    (found,) = json.loads(await hexi.type("--json", *words, "1m"))
    assert int(found["end_ms"]) - int(found["start_ms"]) == 60_000
    assert "15m" in await hexi.type(*words, "7m", code=2)
