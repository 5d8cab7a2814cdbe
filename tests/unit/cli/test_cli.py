"""Goal: the command helps, refuses in one sentence and renders exactly. Method: typer's runner."""

import json

import pytest
from hexi_cli.main import app
from hexi_cli.render import Printer, yuan, yuan_of_micro
from hexi_cli.words import title
from typer.testing import CliRunner

runner = CliRunner()
COMMANDS = (
    [["site", c] for c in ("list", "show", "register", "publish", "conform", "decide")]
    + [["site", c] for c in ("drain", "undrain", "lost", "loss")]
    + [["submit"], ["get"], ["list"], ["why"], ["logs"], ["cancel"]]
    + [["order", c] for c in ("place", "cancel", "show")]
    + [["products"], ["book"], ["trades"], ["bill"], ["account"], ["quarantine"]]
    + [["telemetry", c] for c in ("series", "watch", "gaps", "pue")]
    + [["telemetry", c] for c in ("grades", "links", "compute")]
    + [["incident", c] for c in ("list", "show", "advance")]
)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_each_command_explains_itself(words):
    result = runner.invoke(app, ["--as", "x", *words, "--help"])

    assert result.exit_code == 0
    assert "Usage" in result.output


@pytest.mark.parametrize(
    "words",
    [
        ["site", "list"],
        ["site", "lost", "s"],
        ["site", "loss", "s"],
        ["get", "w"],
        ["why", "w"],
        ["book", "p"],
        ["bill", "t", "2026-11"],
        ["telemetry", "series", "--site", "s"],
        ["telemetry", "watch", "--once"],
        ["telemetry", "gaps", "--site", "s"],
        ["telemetry", "pue", "--site", "s"],
        ["telemetry", "grades", "--site", "s"],
        ["telemetry", "links"],
        ["telemetry", "compute"],
    ],
    ids=" ".join,
)
def test_without_a_running_hexi_every_command_says_so(words, tmp_path):
    result = runner.invoke(app, ["--as", "x", "--state-dir", str(tmp_path), *words])

    assert result.exit_code == 3
    assert "./task up" in result.output


def test_an_unknown_identity_is_named_with_those_there_are(tmp_path):
    (tmp_path / "run.json").write_text(json.dumps({"addresses": {}}))
    (tmp_path / "pki" / "soc").mkdir(parents=True)
    (tmp_path / "pki" / "soc" / "cert.pem").touch()

    result = runner.invoke(app, ["--as", "me", "--state-dir", str(tmp_path), "site", "list"])

    assert result.exit_code == 3
    assert "'me'" in result.output
    assert "soc" in result.output


def test_a_file_that_is_no_spec_is_a_usage_error(tmp_path):
    path = tmp_path / "work.yaml"
    path.write_text("colour: red\n")

    result = runner.invoke(app, ["--as", "x", "submit", "--tenant", "acme", "--file", str(path)])

    assert result.exit_code == 2
    assert "colour" in result.output


@pytest.mark.parametrize(
    ("fen", "text"), [(0, "0.00"), (1, "0.01"), (-150, "-1.50"), (123_456_789, "1,234,567.89")]
)
def test_money_is_shown_to_the_fen(fen, text):
    assert yuan(fen) == text


def test_prices_are_shown_to_the_micro_yuan():
    assert yuan_of_micro(2_500_001) == "2.500001"


def test_titles_speak_both_languages(capsys):
    assert title("price", "zh") == "价格"
    assert title("price", "en") == "price"

    Printer(as_json=True, lang="zh").json({"价": 1})

    assert json.loads(capsys.readouterr().out) == {"价": 1}
