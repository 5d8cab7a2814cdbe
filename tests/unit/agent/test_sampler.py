"""Goal: every period becomes numbered frames, and nothing is numbered that is not kept. Method: a
sampler on a manual clock."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hexi.telemetry.v1 import telemetry_pb2 as pb
from hexi_agent.domain.physics import Meters
from hexi_agent.sampler import Beat, Sampler
from hexi_agent.sources import Sample
from hexi_agent.sources.host import HostSource, Rapl
from hexi_agent.sources.replay import ReplayMapping, ReplaySource
from hexi_agent.spool import SpoolLimits, Stored
from hexi_agent.spool.line import Line
from hexi_kit.testing.clock import ManualClock

AGENT = ("lanzhou", "1")


class OneServer:
    """A source of one server whose meter counts moments."""

    def read(self, before: Meters, now_ms: int) -> Sequence[Sample]:
        values = np.array([200.0], "<f4")
        meters = Meters(now_ms, before.it_ws + 10, before.facility_ws + 12)
        return [Sample(0, 1, {pb.METRIC_POWER_W: values}, None, meters)]


def line_in(folder: Path) -> Line:
    return Line(folder, AGENT, 1, SpoolLimits())


def frames(line: Line) -> list[pb.Frame]:
    stored: list[Stored] = line.stream.spool.read(0, 100)
    return [pb.Frame.FromString(one.frame) for one in stored]


async def test_it_beats_at_whole_periods(tmp_path: Path) -> None:
    import asyncio

    clock, line = ManualClock(1_003), line_in(tmp_path)
    sampler = Sampler(Beat(*AGENT, 500), [OneServer()], line, clock, lambda: 1)
    task = asyncio.create_task(sampler.run())
    for _ in range(3):
        await clock.until_sleepers(1)
        clock.advance(500 - clock.now_ms() % 500)
        await asyncio.sleep(0)
    await clock.until_sleepers(1)
    task.cancel()

    assert [f.observed_at_ms for f in frames(line)] == [1_500, 2_000, 2_500]
    assert [f.sequence for f in frames(line)] == [1, 2, 3]
    assert [f.it_energy_ws for f in frames(line)] == [10, 20, 30]


def test_nothing_is_numbered_before_the_server_set_is_known(tmp_path: Path) -> None:
    line, revision = line_in(tmp_path), 0
    sampler = Sampler(Beat(*AGENT, 500), [OneServer()], line, ManualClock(), lambda: revision)

    assert sampler.take(1_000) == 0
    revision = 4
    assert sampler.take(1_500) == 1

    assert [(f.sequence, f.server_set_revision) for f in frames(line)] == [(1, 4)]


def test_a_full_disk_takes_a_reading_and_no_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = line_in(tmp_path)
    sampler = Sampler(Beat(*AGENT, 500), [OneServer()], line, ManualClock(), lambda: 1)
    sampler.take(500)

    with monkeypatch.context() as full:
        full.setattr("os.write", lambda *_: 0)
        assert sampler.take(1_000) == 0
    assert sampler.take(1_500) == 1

    assert [(f.sequence, f.observed_at_ms) for f in frames(line)] == [(1, 500), (2, 1_500)]


def test_this_machine_tells_what_the_kernel_can_tell() -> None:
    source = HostSource(server=7)
    source.read(Meters(), 1_000)

    (sample,) = source.read(Meters(), 2_000)

    assert (sample.first_server, sample.count, sample.good) == (7, 1, None)
    assert 0 <= sample.columns[pb.METRIC_CPU_UTILISATION][0] <= 1
    assert 0 < sample.columns[pb.METRIC_MEMORY_UTILISATION][0] <= 1
    assert sample.columns[pb.METRIC_NETWORK_RX_BYTES_PER_S][0] >= 0


def test_rapl_counts_joules_and_goes_round(tmp_path: Path) -> None:
    zone = tmp_path / "intel-rapl:0"
    zone.mkdir()
    energy = zone / "energy_uj"
    (zone / "max_energy_range_uj").write_text("100000000")
    energy.write_text("95000000")
    rapl = Rapl(tmp_path)

    assert rapl.power_w(1.0) is None
    energy.write_text("99000000")
    assert rapl.power_w(2.0) == pytest.approx(2.0)
    energy.write_text("5000000")
    assert rapl.power_w(1.0) == pytest.approx(6.0)
    assert Rapl(tmp_path / "nothing").power_w(1.0) is None


RECORDING = """time,name,Power,Util
0,a,100,50
0,b,200,
10,a,110,60
10,b,210,70
"""
MAPPING = {
    "time_column": "time",
    "server_column": "name",
    "columns": {"power_w": "Power", "cpu_utilisation": "Util"},
    "scale": {"cpu_utilisation": 0.01},
}


def test_a_recording_is_played_over_and_over_and_its_holes_stay_holes(tmp_path: Path) -> None:
    path = tmp_path / "recording.csv"
    path.write_text(RECORDING)
    source = ReplaySource(path, ReplayMapping.model_validate(MAPPING), servers=3)

    played = [source.read(Meters(), moment)[0] for moment in range(3)]

    assert [s.columns[pb.METRIC_POWER_W].tolist() for s in played] == [
        [100, 0, 0],
        [110, 210, 0],
        [100, 0, 0],
    ]
    assert [s.good.tolist() for s in played[:2]] == [[True, False, False], [True, True, False]]
    assert played[1].columns[pb.METRIC_CPU_UTILISATION][1] == pytest.approx(0.7)


@pytest.mark.parametrize("missing", ["time", "Power"])
def test_a_recording_without_a_wanted_column_is_refused(missing: str, tmp_path: Path) -> None:
    path = tmp_path / "recording.csv"
    path.write_text(RECORDING.replace(missing, "other", 1))

    with pytest.raises(ValueError, match=missing):
        ReplaySource(path, ReplayMapping.model_validate(MAPPING), servers=3)
