"""Goal: simulated days are the same every time, lose nobody and over-take nothing.

Method: the example that takes seconds, run whole through the command; public traces in short form.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hexi_sim.simulate.files import data_folder
from hexi_sim.simulate.main import main
from hexi_sim.simulate.spec_file import read

EXAMPLES = Path(__file__).resolve().parents[2] / "deploy" / "sim" / "examples"


def simulated(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str, *more: str
) -> list[dict]:
    """What `--json` says of each policy."""
    page = tmp_path / "page.html"
    code = main([str(EXAMPLES / f"{name}.yaml"), "--json", "--report", str(page), *more])
    lines = capsys.readouterr().out.splitlines()
    assert code == 0, lines
    return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[dict], str]:
    """The tiny example as it is: its figures and its page."""
    page = tmp_path_factory.mktemp("tiny") / "page.html"
    out = tmp_path_factory.mktemp("tiny") / "out"
    with out.open("w") as file, pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdout", file)
        assert main([str(EXAMPLES / "tiny.yaml"), "--json", "--report", str(page)]) == 0
    return [json.loads(line) for line in out.read_text().splitlines()], page.read_text()


def test_every_workload_is_in_one_state_and_nothing_is_over_taken(tiny) -> None:
    for figures in tiny[0]:
        assert sum(figures["states"].values()) == figures["workloads"] == 900
        assert figures["states"].get("submitted", 0) == 0
        assert figures["wrong"] == 0
        assert figures["states"]["ended"] > 500


def test_two_policies_decide_differently_about_the_same_day(tiny) -> None:
    production, dear = tiny[0]

    assert production["digest"] != dear["digest"]
    assert dear["carbon_kg"] < production["carbon_kg"]


def test_the_same_seed_decides_the_same(tiny, capsys, tmp_path) -> None:
    again = simulated(capsys, tmp_path, "tiny")

    assert [f["digest"] for f in again] == [f["digest"] for f in tiny[0]]
    assert again == tiny[0]


def test_faults_were_felt(tiny) -> None:
    reasons = " ".join(reason for figures in tiny[0] for reason in figures["evicted"])

    assert "site lost" in reasons
    assert "drain" in reasons
    assert "quarantine" in reasons


def test_the_page_stands_alone(tiny) -> None:
    page = tiny[1]

    assert page.count("<svg") >= 10
    assert "<script" not in page
    assert not re.findall(r"(?:src|href)=['\"]http", page)
    assert "碎片率" in page and "Fragmentation" in page
    assert len(page) < 2_000_000


@pytest.mark.parametrize(
    ("name", "hours", "last"),
    [("openb", 60, "routed"), ("pai", 40, "ended"), ("azure", 80, "ended")],
)
def test_public_traces_run_to_their_end(name, hours, last, capsys, tmp_path) -> None:
    if not (data_folder() / "traces").is_dir():
        pytest.skip("the traces are not here: set HEXI_DATA to their folder")
    found = simulated(capsys, tmp_path, name, "--count", "400", "--hours", str(hours))

    for figures in found:
        assert figures["states"] == {last: 400}  # pods of openb run on
        assert figures["wrong"] == 0


def test_work_that_may_be_stopped_runs_where_and_when_power_is_green(capsys, tmp_path) -> None:
    pieces, whole, _ = simulated(capsys, tmp_path, "green", "--count", "40", "--hours", "96")

    for figures in (pieces, whole):
        assert figures["states"] == {"ended": 40}
        assert figures["wrong"] == 0
    assert pieces["evicted"]["paused"] > 0
    assert pieces["carbon_kg"] < whole["carbon_kg"]
    assert pieces["unit_hours_billed"] <= whole["unit_hours_billed"] * 1.01


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_an_example_is_a_simulation_file(path: Path) -> None:
    assert read(path).name == path.stem
