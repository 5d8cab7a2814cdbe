"""Goal: an operator sees what is mapped, what stands at the site, what differs, and what is wrong,
with an exit code for scripts. Method: the commands as typed, on an exporter of our own on loopback
and on files; an inventory that is away is not asked."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hexi_agent.discovery.census import Seen
from hexi_agent.discovery.changes import compare, propose
from hexi_agent.hosts import Host, read_hosts, server_set_of_hosts, write_hosts
from hexi_agent.main import main
from hexi_agent.testing.small_exporter import exporter, text_page

PAGE = """\
node_memory_MemAvailable_bytes 5.36870912e+08
node_memory_MemTotal_bytes 1.073741824e+09
node_cpu_seconds_total{cpu="0",mode="idle"} 10
node_cpu_seconds_total{cpu="1",mode="idle"} 10
node_ipmi_power_watts 210
node_load1 0.5
strange{a="\x1b[31m"} 1
"""
N1 = Host("n1", "r1", "small", 2_000, 1_024, "", 0, 700)
N2 = Host("n2", "r1", "small", 4_000, 2_048, "", 0, 700)


@pytest.fixture
async def page_url() -> AsyncIterator[str]:
    async with exporter({"/metrics": text_page(PAGE)}) as url:
        yield f"{url}/metrics"


def site_file(folder: Path, url: str, server: str = "n1") -> str:
    source = {
        "kind": "openmetrics",
        "period_ms": 100,
        "timeout_ms": 90,
        "targets": [{"url": url, "server": server}],
    }
    site = {
        "site_id": "lanzhou",
        "identity": "agent-lanzhou",
        "state_dir": str(folder / "state"),
        "period_ms": 100,
        "hosts": str(folder / "hosts.csv"),
        "sources": [source],
    }
    path = folder / "site.yaml"
    path.write_text(json.dumps(site))
    return str(path)


async def test_map_shows_what_a_live_exporter_gives_and_who_is_silent(
    page_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_hosts(tmp_path / "hosts.csv", [N1, N2])
    record = tmp_path / "seen.jsonl"
    typed = ["map", "--config", site_file(tmp_path, page_url), "--seconds", "0.6", "--json"]

    code = await asyncio.to_thread(main, [*typed, "--record", str(record)])

    picture = json.loads(capsys.readouterr().out)
    assert code == 1
    assert picture["silent"] == [{"server": "n2"}]
    assert {row["metric"] for row in picture["coverage"]} >= {"memory_utilisation", "power_w"}
    reasons = {row["reading"]: row["reason"] for row in picture["unmapped"]}
    assert reasons["strange"] == "no rule names it"
    assert "utilisation" in reasons["node_load1"]

    write_hosts(tmp_path / "hosts.csv", [N1])
    assert await asyncio.to_thread(main, [*typed[:3], "--from", str(record), "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert {"metric": "cpu_utilisation", "servers": 1, "of": 1} in again["coverage"]


def test_map_reads_a_packed_page_and_shows_no_control_characters(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_hosts(tmp_path / "hosts.csv", [N1])
    page = tmp_path / "page.prom.gz"
    page.write_bytes(gzip.compress(PAGE.encode()))
    config = site_file(tmp_path, "http://127.0.0.1:1/metrics")

    assert main(["map", "--config", config, "--from", str(page)]) == 0

    shown = capsys.readouterr().out
    assert "power_w" in shown
    assert "\x1b" not in shown


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", "["),
        ("a.json", "[]"),
        ("a.json", "[" * 100_000),
        ("a.jsonl", "[1]"),
        ("a.prom", "a{b"),
        ("a.pb", "\x00\xff"),
        ("a.prom.gz", "no gzip"),
        ("missing/a.prom", ""),
    ],
)
def test_a_file_that_is_none_is_refused(
    name: str, text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_hosts(tmp_path / "hosts.csv", [N1])
    if "/" not in name:
        (tmp_path / name).write_text(text)
    config = site_file(tmp_path, "http://127.0.0.1:1/metrics")

    assert main(["map", "--config", config, "--from", str(tmp_path / name)]) == 2
    assert name in capsys.readouterr().err


def test_the_file_of_the_site_is_named_by_argument_or_variable_and_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_hosts(tmp_path / "hosts.csv", [N1])
    (tmp_path / "a.prom").write_text(PAGE)
    config = site_file(tmp_path, "http://127.0.0.1:1/metrics")
    typed = ["map", "--from", str(tmp_path / "a.prom")]

    monkeypatch.setenv("HEXI_AGENT_CONFIG", config)
    assert main(typed) == 0
    monkeypatch.setenv("HEXI_AGENT_CONFIG", str(tmp_path / "nowhere.yaml"))
    assert main(typed) == 2
    assert "nowhere.yaml" in capsys.readouterr().err

    for command in (typed, ["discover"], ["rotate-key"]):
        with pytest.raises(SystemExit) as caught:
            main([*command, "--config", config, "--config", config])
        assert caught.value.code == 2
        assert "was 2" in capsys.readouterr().err


async def test_discover_finds_a_server_and_writes_it_when_told(
    page_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_hosts(tmp_path / "hosts.csv", [N1, N2])
    config = site_file(tmp_path, page_url, "n3")
    typed = ["discover", "--config", config, "--seconds", "0.3", "--offline", "--json"]

    assert await asyncio.to_thread(main, typed) == 1
    changes = json.loads(capsys.readouterr().out)["table"]
    assert {(one["change"], one["server"]) for one in changes} == {
        ("silent", "n1"),
        ("silent", "n2"),
        ("incomplete", "n3"),
    }

    assert await asyncio.to_thread(main, [*typed, "--like", "n1", "--rack", "r9", "--write"]) == 0
    assert read_hosts(tmp_path / "hosts.csv")[2] == Host(
        "n3", "r9", "small", 2_000, 1_024, "", 0, 700
    )


def test_rows_keep_their_place_and_facts_are_corrected() -> None:
    seen = [Seen("N1", 3, {"memory_mib": 512, "accelerators": 4}), Seen("n0", 1, {})]

    found = propose([N1, N2], seen, {"rack": "r2", "model": "x", "cpu_milli": 1}, True)

    assert [host.name for host in found.hosts] == ["n1"]
    assert found.hosts[0].memory_mib == 512
    assert found.hosts[0].accelerators == 0  # no model of them is known
    assert [(one.kind, one.server, one.field) for one in found.changes] == [
        ("changed", "n1", "accelerators"),
        ("changed", "n1", "memory_mib"),
        ("removed", "n2", ""),
        ("incomplete", "n0", "memory_mib, power_limit_w"),
    ]


def test_two_server_sets_are_compared_by_index() -> None:
    before = server_set_of_hosts("lanzhou", [N1, N2])
    now = server_set_of_hosts("lanzhou", [N1, Host("n2", "r1", "big", 4_000, 2_048, "", 0, 700)])

    assert [tuple(one) for one in compare(before, now)] == [
        ("changed", "1", "model", "small", "big")
    ]
    assert [one.kind for one in compare(before, server_set_of_hosts("lanzhou", [N1]))] == [
        "removed"
    ]
    assert compare(before, before) == []


def test_check_names_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = site_file(tmp_path, "http://127.0.0.1:1/metrics")

    assert main(["check", "--config", config, "--without-identity"]) == 2
    assert "hosts.csv" in capsys.readouterr().err
    write_hosts(tmp_path / "hosts.csv", [N1])
    assert main(["check", "--config", config, "--without-identity"]) == 0
    assert "1 hosts, sources: openmetrics" in capsys.readouterr().out
    assert main(["check", "--config", config]) == 2
    assert "agent-lanzhou" in capsys.readouterr().err


@pytest.mark.parametrize("typed", [["--help"], ["map", "--help"], ["discover", "--help"]])
def test_help_speaks_two_languages(typed: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(typed)

    assert ended.value.code == 0
    assert "退出码" in capsys.readouterr().out


def test_the_version_needs_no_configuration(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("hexi-agent ")
