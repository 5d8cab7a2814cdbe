"""Goal: every topic file is a promise somebody keeps. Method: the files, and bad ones refused."""

import copy
from pathlib import Path

import pytest
import yaml
from google.protobuf import json_format
from hexi_contracts import asyncapi, topics
from hexi_contracts.topic_source import BadTopicError, check, load, span_ms

CONTRACTS = Path(topics.__file__).resolve().parents[1]
SOURCES = load(CONTRACTS / "topics")
GOOD = yaml.safe_load((CONTRACTS / "topics" / "scheduler.route.v1.yaml").read_text())


def examples(name: str) -> list[Path]:
    return sorted((CONTRACTS / "examples" / name).glob("*.json"))


def test_there_is_a_constant_for_each_file():
    assert [t.name for t in topics.ALL] == [s.name for s in SOURCES]


@pytest.mark.parametrize("topic", topics.ALL, ids=lambda t: t.name)
def test_each_topic_has_two_examples_that_parse(topic):
    found = examples(topic.name)

    assert len(found) >= 2
    for path in found:
        if topic.message is not None:
            message = json_format.Parse(path.read_text(), topic.message())
            assert message.ByteSize() > 0
            assert topic.message.FromString(message.SerializeToString()) == message


def test_no_example_is_an_orphan():
    folders = {p.name for p in (CONTRACTS / "examples").iterdir() if p.is_dir()}

    assert folders <= {t.name for t in topics.ALL}


def test_a_site_has_one_partition_in_every_topic_that_is_keyed_by_site():
    keyed = [t for t, s in zip(topics.ALL, SOURCES, strict=True) if s.key.startswith("site")]

    assert len(keyed) > 5
    for site_id in ("lanzhou", "qingyang", "jiuquan"):
        assert len({t.partition_of(site_id) for t in keyed}) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Scheduler.route.v1"},
        {"name": "scheduler.route"},
        {"owner": "nobody"},
        {"owner": "settlement"},
        {"message": "scheduler.RouteRecord"},
        {"partitions": 0},
        {"partitions": "many"},
        {"cleanup": "sometimes"},
        {"cleanup": "delete"},
        {"retention": "7d"},
        {"compaction_lag": "seven days"},
        {"dead_letter": "scheduler.dlq"},
        {"producers": []},
        {"consumers": ["strangers"]},
        {"readers": ["strangers"]},
        {"message_bytes_max": 1},
        {"colour": "red"},
        {"description": None},
    ],
    ids=lambda c: next(iter(c.items())).__repr__(),
)
def test_a_bad_file_is_refused(change):
    check(GOOD, "scheduler.route.v1.yaml")
    bad = copy.deepcopy(GOOD) | change

    with pytest.raises(BadTopicError):
        check(bad, "scheduler.route.v1.yaml")


def test_a_file_must_be_called_like_its_topic():
    with pytest.raises(BadTopicError):
        check(GOOD, "other.yaml")


def test_spans():
    assert [span_ms(t) for t in ("1h", "7d", "forever")] == [3_600_000, 604_800_000, -1]


def test_asyncapi_names_every_sender_and_receiver():
    document = asyncapi.document(SOURCES)

    for source in SOURCES:
        for service in source.producers:
            assert document["operations"][f"{service}.sends.{source.constant}"]["action"] == "send"
        for service in source.consumers:
            key = f"{service}.receives.{source.constant}"
            assert document["operations"][key]["action"] == "receive"
    assert (CONTRACTS / "asyncapi.yaml").read_text() == asyncapi.render(SOURCES)
