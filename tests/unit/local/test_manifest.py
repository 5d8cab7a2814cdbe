"""Goal: a wrong list of processes is refused before anything starts. Method: wrong lists."""

from typing import Any

import pytest
from hexi_contracts.topic import Topic
from hexi_local.broker import GROUP, READ, TOPIC, TRANSACTIONAL_ID, WRITE, rights_of
from hexi_local.manifest import Manifest, in_order
from hexi_local.options import MANIFEST


def listed(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "module": "hexi_x.main", **more}


def test_the_list_of_this_project_is_sound() -> None:
    manifest = Manifest.read(MANIFEST)

    assert {one.service for one in manifest.chosen("all", None)} >= {"scheduler", "settlement"}
    assert manifest.chosen("servers", None) == ()
    assert len(manifest.addresses) == 6


@pytest.mark.parametrize(
    ("processes", "reason"),
    [
        ([listed("a"), listed("a")], "every process once"),
        ([listed("a", needs=["b"])], "listed processes"),
        ([listed("a", needs=["b"]), listed("b", needs=["a"])], "no circle"),
        ([listed("a", colour="red")], "colour"),
        ([listed("A B")], "name"),
    ],
)
def test_is_refused(processes: list[dict[str, Any]], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Manifest.model_validate({"processes": processes, "profiles": {}})


def test_each_stands_after_what_it_needs() -> None:
    rows = [listed("a", needs=["c"]), listed("b"), listed("c", needs=["b", "kafka"])]
    manifest = Manifest.model_validate({"processes": rows, "profiles": {}})

    assert [one.name for one in in_order(manifest.processes)] == ["b", "c", "a"]


def test_an_unknown_choice_is_refused() -> None:
    manifest = Manifest.read(MANIFEST)

    with pytest.raises(ValueError, match="listed processes"):
        manifest.chosen("all", ["abacus"])
    with pytest.raises(ValueError, match="a profile"):
        manifest.chosen("nightly", None)


def test_rights_follow_the_contract_of_a_topic() -> None:
    topic = Topic(
        name="a.b.v1",
        message=None,
        partitions=1,
        cleanup="delete",
        retention_ms=1,
        compaction_lag_ms=0,
        message_bytes_max=1,
        dead_letter="a.b.v1.dlq",
        owner="a",
        producers=("a",),
        consumers=("c",),
        readers=("r",),
    )

    rights = {(kind, name, who, operation) for kind, name, _, who, operation in rights_of([topic])}

    assert (TOPIC, "a.b.v1", "a", WRITE) in rights
    assert (TRANSACTIONAL_ID, "a.b.v1-", "a", WRITE) in rights
    assert (TOPIC, "a.b.v1", "c", READ) in rights
    assert (TOPIC, "a.b.v1.dlq", "c", WRITE) in rights
    assert (GROUP, "c", "c", READ) in rights
    assert (TOPIC, "a.b.v1", "c", WRITE) not in rights
    assert (GROUP, "a", "c", READ) not in rights
    assert (TOPIC, "a.b.v1", "r", READ) in rights
    assert not [one for one in rights if one[2] == "r" and (one[0] != TOPIC or one[3] == WRITE)]
