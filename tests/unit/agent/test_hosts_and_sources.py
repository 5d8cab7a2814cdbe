"""Goal: a site of real servers is described by a table and by sources, and what is wrong with
either is said by name. Method: tables and configurations written here, a source of our own."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random

import pytest
from hexi_agent.backoff import Backoff
from hexi_agent.config import AgentConfig, read_config
from hexi_agent.gather import KeptSource, make_board
from hexi_agent.hosts import Host, parse_hosts, read_hosts, server_set_of_hosts, write_hosts
from hexi_agent.sources.raw import Take
from hexi_agent.sources.registry import OPTIONS, read_source
from hexi_kit.errors import InvalidArgument
from hexi_kit.testing.clock import ManualClock
from hypothesis import given, settings
from hypothesis import strategies as st

HEAD = (
    "name,rack,model,cpu_milli,memory_mib,accelerator,accelerators,power_limit_w,executor,aliases\n"
)
ROW = "n1,r1,big,64000,1024,A100,8,6500,slurm,bmc-n1 10.0.0.1\n"
EXAMPLES = Path(__file__).resolve().parents[3] / "services" / "agent" / "examples"
SITE = {"site_id": "lanzhou", "identity": "agent-lanzhou", "state_dir": "/tmp/a"}


def test_a_table_becomes_a_server_set() -> None:
    hosts = parse_hosts(HEAD + ROW + "n2,r1,small,32000,512,,,700,,\n")

    found = server_set_of_hosts("lanzhou", hosts)

    assert list(found.racks) == ["r1"]
    assert list(found.model_index) == [0, 1]
    assert list(found.accelerator_index) == [1, 0]
    assert [found.executors[index] for index in found.executor_index] == ["slurm", "fleet"]
    assert hosts[0].names == ["n1", "bmc-n1", "10.0.0.1"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name,rack\n", "columns missing"),
        (HEAD.replace("aliases", "colour") + ROW, "unknown.*colour"),
        (HEAD, "expected 1 to 100000 rows, was 0"),
        (HEAD + ROW.replace("64000", "many"), "hosts:2: cpu_milli: was 'many'"),
        (HEAD + ROW.replace("64000", "-1"), "cpu_milli"),
        (HEAD + ROW.replace("64000", "9" * 30), "cpu_milli"),
        (HEAD + ROW.replace("slurm", "boat"), "executor"),
        (HEAD + ROW.replace("A100", ""), "accelerator without number"),
        (HEAD + ROW.replace("big", ""), "model"),
        (HEAD + ROW + ROW.replace("n1,", "n2,"), "both n1 and n2"),
        (HEAD + ROW.strip() + ",more\n", "too many columns"),
        (HEAD + '"n1', "hosts"),
    ],
)
def test_a_wrong_table_says_where(text: str, said: str) -> None:
    with pytest.raises(InvalidArgument, match=said):
        parse_hosts(text)


WORD = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=9)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(WORD, WORD, st.integers(1, 10**6)), min_size=1, unique_by=lambda t: t[0]))
def test_a_table_comes_back_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, int]]
) -> None:
    path = tmp_path_factory.mktemp("hosts") / "hosts.csv"
    hosts = [Host(f"{n}-{name}", rack, rack, cpu, 1, "", 0, 1) for n, (name, rack, cpu) in
             enumerate(rows)]  # fmt: skip
    write_hosts(path, hosts)

    assert read_hosts(path) == hosts


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=200))
def test_no_text_breaks_the_reader_of_tables(text: str) -> None:
    with pytest.raises(InvalidArgument):
        parse_hosts(HEAD + "," + text)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, "none of them"),
        ({"hosts": "a.csv"}, "expected sources or replay"),
        ({"hosts": "a.csv", "sources": [{"kind": "telepathy"}]}, "kind: expected one of"),
        ({"hosts": "a.csv", "sources": ["redfish"]}, "expected a source with its kind"),
        (
            {"hosts": "a.csv", "sources": [{"kind": "openmetrics", "targets": ["ftp://x"]}]},
            r"openmetrics.targets.0.url",
        ),
        ({"host": True, "sources": [{"kind": "openmetrics", "targets": ["http://x/m"]}]}, "hosts"),
        ({"hosts": "a.csv", "host": True}, "both"),
    ],
)
def test_a_configuration_says_which_source_is_wrong(more: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        AgentConfig.model_validate(SITE | more)


class Frail:
    """Fails, ends, and is cancelled."""

    name, runs = "frail", 0

    async def run(self, take: Take) -> None:
        self.runs += 1
        if self.runs == 1:
            raise RuntimeError("bug")
        if self.runs == 3:
            raise asyncio.CancelledError


def test_a_source_that_fails_begins_again() -> None:
    async def keep() -> None:
        clock = ManualClock()
        kept = KeptSource(source, lambda _: None, Backoff(clock, Random(1), 0.1, 1.0))
        task = asyncio.create_task(kept.run())
        for _ in range(2):
            await clock.until_sleepers(1)
            clock.advance(5_000)
        await asyncio.wait([task])

    source = Frail()
    asyncio.run(keep())

    assert source.runs == 3


def test_what_is_fresh_follows_how_often_a_source_looks() -> None:
    entry = {"kind": "openmetrics", "targets": ["http://n1:9100/metrics"], "period_ms": 60_000}
    config = AgentConfig.model_validate(SITE | {"hosts": "a.csv", "sources": [entry]})
    source = Frail()

    board = make_board(config, parse_hosts(HEAD + ROW), [source], ManualClock().now_ms)

    assert board._options.stale_of(source.name) == 120_000
    assert board.wants("node_cpu_seconds_total", (("cpu", "0"), ("mode", "idle")))
    assert not board.wants("node_cpu_seconds_total", (("cpu", "0"), ("mode", "user")))
    assert not board.wants("node_load1", ())


@pytest.mark.parametrize("kind", sorted(OPTIONS))
def test_every_kind_checks_its_options_by_name(kind: str) -> None:
    with pytest.raises(InvalidArgument, match=rf"{kind}\.colour"):
        read_source({"kind": kind, "colour": "red"})


GOOD = {
    "redfish": {"targets": [{"url": "https://10.0.0.1", "server": "n1"}]},
    "openmetrics": {"targets": ["http://n1:9100/metrics"]},
    "otlp": {"grpc": {"listen": "127.0.0.1:4317"}},
    "remote_write": {"http": {"listen": "127.0.0.1:9091"}},
}


@pytest.mark.parametrize("kind", sorted(GOOD))
def test_a_kind_makes_its_source(kind: str) -> None:
    source = read_source({"kind": kind, **GOOD[kind]}).make(ManualClock())

    assert source.name == kind


def test_the_example_of_a_table_and_its_sources_is_right() -> None:
    assert len(read_config(EXAMPLES / "prometheus.yaml").sources) == 4
    assert len(read_hosts(EXAMPLES / "hosts.csv")) == 2
