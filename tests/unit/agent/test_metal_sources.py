"""Goal: the example of controllers and meters is good, and what must not be configured is refused,
without a word of any secret. Method: the example as it stands, and options that must not pass."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hexi_agent.config import read_config
from hexi_agent.mapping.match import NO_RULE, RuleBook
from hexi_agent.mapping.rules import shipped
from hexi_agent.sources.redfish.options import RedfishOptions, read_credentials
from hexi_agent.sources.redfish.source import make
from hexi_kit.clock import SystemClock
from hexi_kit.errors import InvalidArgument

EXAMPLE = Path(__file__).resolve().parents[3] / "services" / "agent" / "examples" / "metal.yaml"


def test_the_example_is_good_and_each_of_its_names_is_known() -> None:
    config = read_config(EXAMPLE)

    assert [one.kind for one in config.sources] == ["redfish", "ipmi", "modbus", "modbus", "snmp"]
    book = RuleBook(shipped("meters").rules)
    names = [
        entry.name
        for source in config.sources
        for entries in getattr(source.options, "maps", {}).values()
        for entry in entries
    ]
    assert len(names) == 7
    assert [name for name in names if book.match(name, (), "").reason == NO_RULE] == []


TARGET = {"url": "https://bmc", "server": "s0"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"targets": []},
        {"targets": [TARGET, TARGET]},
        {"targets": [TARGET | {"url": "http://bmc"}]},
        {"targets": [TARGET | {"url": "https://user:word@bmc"}]},
        {"targets": [TARGET | {"url": "https://bmc/redfish/v1"}]},
        {"targets": [TARGET | {"url": "file:///etc/passwd"}]},
        {"targets": [TARGET | {"fingerprint": "12"}]},
        {"collect": ["everything"]},
        {"push": {"secret": "s", "listen": "0.0.0.0"}},
        {"push": {"secret": "s", "certificate": "c"}},
        {"push": {"secret": "s", "url": "http://a/b"}},
    ],
)
def test_what_must_not_be_configured_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        RedfishOptions.model_validate({"targets": [TARGET]} | wrong)


def test_a_controller_of_this_machine_needs_no_certificate() -> None:
    assert RedfishOptions.model_validate({"targets": [TARGET | {"url": "http://127.0.0.1:8000"}]})


@pytest.mark.parametrize("text", ["password: secret", "- secret", "{secret", "username: [secret]"])
def test_a_bad_file_of_credentials_is_refused_without_its_words(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bmc.yaml"
    path.write_text(text)

    with pytest.raises(InvalidArgument) as refused:
        read_credentials(path)

    assert "secret" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_a_short_secret_for_pushing_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "push"
    path.write_text("short")
    options = RedfishOptions.model_validate({"targets": [TARGET], "push": {"secret": path}})

    with pytest.raises(InvalidArgument, match="at least 16 bytes"):
        make(options, SystemClock())
