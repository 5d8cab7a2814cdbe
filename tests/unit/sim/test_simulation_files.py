"""Goal: a simulation file that makes no sense is refused with its field. Method: one wrong each."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hexi_kit.errors import InvalidArgument
from hexi_sim.simulate.main import main
from hexi_sim.simulate.spec_file import read
from hexi_sim.stages import chosen, place_stage

EXAMPLES = Path(__file__).resolve().parents[3] / "deploy" / "sim" / "examples"
TINY = yaml.safe_load((EXAMPLES / "tiny.yaml").read_text(encoding="utf-8"))


def fields(tmp_path: Path, change: dict[str, object]) -> list[str]:
    path = tmp_path / "bad.yaml"
    path.write_text(yaml.safe_dump(TINY | change), encoding="utf-8")
    with pytest.raises(InvalidArgument) as refused:
        read(path)
    return [violation.field for violation in refused.value.violations]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"colour": "red"}, "colour"),
        ({"hours": 0}, "hours"),
        ({"sites": []}, "sites"),
        ({"sites": [TINY["sites"][0]] * 2}, "sites"),
        ({"sites": [TINY["sites"][0] | {"kinds": []}]}, "sites.0"),
        ({"sites": [TINY["sites"][0] | {"pue_milli": 900}]}, "sites.0.pue_milli"),
        ({"work": TINY["work"] | {"shapes": []}}, "work.shapes"),
        ({"work": TINY["work"] | {"csv": "a.csv"}}, "work.csv"),
        ({"work": TINY["work"] | {"count": 0}}, "work.count"),
        ({"faults": [{"kind": "quarantine", "site": "nowhere", "at_h": 1}]}, "faults.0.site"),
        (
            {"faults": [{"kind": "site_lost", "site": "lanzhou", "at_h": 2, "until_h": 1}]},
            "faults.0.until_h",
        ),
        ({"policies": [{"name": "a"}, {"name": "a"}]}, "policies"),
    ],
)
def test_a_bad_file_is_refused_with_its_field(tmp_path, change, field) -> None:
    assert field in fields(tmp_path, change)


def test_a_policy_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="power_of_wishes"):
        chosen({"power_of_wishes": 1})
    with pytest.raises(InvalidArgument, match="best-fit"):
        place_stage(None, None, None, None, "worst-fit")


def test_a_file_that_is_not_there_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nowhere.yaml"]) == 2
    assert "nowhere.yaml" in capsys.readouterr().out
