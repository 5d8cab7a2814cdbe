"""Goal: nothing is cut off where there is no screen. Method: wide tables into a pipe and to one."""

from __future__ import annotations

import pytest
from hexi_cli.render import Printer

COLUMNS, ROW = ("site", "state"), ("lanzhou-" * 30, "x" * 200)


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")


def test_a_pipe_gets_whole_lines(capsys: pytest.CaptureFixture[str]) -> None:
    printer = Printer(as_json=False, lang="en")
    printer.table(COLUMNS, [ROW])
    printer.console.print(" ".join(ROW))

    *table, line = capsys.readouterr().out.splitlines()
    assert any(ROW[0] in one and ROW[1] in one for one in table)
    assert line == " ".join(ROW)


def test_a_screen_keeps_its_edge(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    Printer(as_json=False, lang="en").table(COLUMNS, [("a" * 30, "b" * 30)])

    table = capsys.readouterr().out.splitlines()
    assert not any("a" * 30 in one for one in table)
