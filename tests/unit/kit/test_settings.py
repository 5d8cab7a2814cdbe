"""Goal: bad settings are named, secrets are not shown. Method: examples."""

import json

import pytest
from hexi_kit.settings import ServiceSettings, load


class Settings(ServiceSettings):
    smtp_password: str = "hunter2"


def test_validate_shows_settings_without_secrets(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HEXI_POSTGRES_DSN", "postgresql://hexi:hunter2@localhost/hexi")

    with pytest.raises(SystemExit) as ended:
        load(Settings, ["--validate"])

    shown = capsys.readouterr().out
    assert ended.value.code == 0
    assert "hunter2" not in shown
    assert json.loads(shown)["postgres_dsn"] == "postgresql://hexi:[redacted]@localhost/hexi"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HEXI_CLOCK", "sundial"),
        ("HEXI_LOG_LEVEL", "loud"),
        ("HEXI_OTEL_EXPORTER", "carrier-pigeon"),
        ("HEXI_LISTEN", "nowhere"),
        ("HEXI_LISTEN", "localhost:99999"),
        ("HEXI_SCHEDULER_ADDRESS", "scheduler"),
    ],
)
def test_a_bad_setting_is_named_and_ends_the_process(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(SystemExit) as ended:
        load(ServiceSettings, [])

    assert ended.value.code == 2
    assert name in capsys.readouterr().err


def test_pki_lies_in_the_state_unless_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEXI_STATE_DIR", "/state")
    assert str(load(ServiceSettings, []).pki) == "/state/pki"

    monkeypatch.setenv("HEXI_PKI_DIR", "/elsewhere")
    assert str(load(ServiceSettings, ["worker"]).pki) == "/elsewhere"
