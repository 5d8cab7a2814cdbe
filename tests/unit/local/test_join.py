"""Goal: whoever joins gets a certificate that the run trusts and its doors, or is told why not.
Method: a state folder with an authority and a run.json, and no process."""

from __future__ import annotations

from pathlib import Path

import pytest
from hexi_kit.identity import Identity, LocalAuthority
from hexi_kit.signing import fingerprint
from hexi_local.__main__ import main
from hexi_local.state import StateDir, write_json

URI = "spiffe://hexi/site/dunhuang/agent/1"


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StateDir:
    monkeypatch.setenv("HEXI_STATE_DIR", str(tmp_path))
    found = StateDir(tmp_path)
    found.pki.mkdir(parents=True)
    LocalAuthority(found.pki).ensure_ca()
    return found


def test_a_certificate_and_its_fingerprint(
    state: StateDir, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["identity", "agent-dunhuang", URI]) == 0
    first = capsys.readouterr().out.strip()
    assert main(["identity", "agent-dunhuang", URI]) == 0

    issued = Identity.load(state.pki, "agent-dunhuang")
    assert first == capsys.readouterr().out.strip() == fingerprint(issued.certificate())


@pytest.mark.parametrize(
    ("name", "uri"), [("agent", "http://x"), ("../agent", URI), (".ca", URI), ("", URI)]
)
def test_what_is_odd_is_refused(
    state: StateDir, capsys: pytest.CaptureFixture[str], name: str, uri: str
) -> None:
    assert main(["identity", name, uri]) == 1
    assert "expected a" in capsys.readouterr().err


def test_the_doors_of_a_run(state: StateDir, capsys: pytest.CaptureFixture[str]) -> None:
    nobody = main(["doors"])
    write_json(state.run_file, {"addresses": {"telemetry": "127.0.0.1:7"}, "clock": "system"})

    assert (nobody, main(["doors"])) == (1, 0)
    told = capsys.readouterr().out.splitlines()
    assert told == [
        f"HEXI_PKI_DIR={state.pki.resolve()}",
        "HEXI_CLOCK=system",
        "HEXI_TELEMETRY_ADDRESS=127.0.0.1:7",
    ]


def test_dead_letters_of_nobody(state: StateDir, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dlq", "--list"]) == 1
    assert "expected a running broker" in capsys.readouterr().err

    LocalAuthority(state.pki).issue("supervisor", "spiffe://hexi/service/supervisor", "supervisor")
    write_json(state.run_file, {"kafka": "127.0.0.1:1"})
    assert main(["dlq", "--list"]) == 1
    assert "127.0.0.1:1" in capsys.readouterr().err

    with pytest.raises(SystemExit):
        main(["dlq"])
