"""Goal: `hexi why` says what the answer says, in both languages. Method: answers, no server."""

from __future__ import annotations

from io import StringIO

import pytest
from hexi.scheduler.v1 import scheduler_service_pb2 as pb
from hexi.scheduler.v1 import workload_pb2
from hexi_cli.why import picture
from rich.console import Console


def shown(answer: pb.ExplainWorkloadResponse, lang: str) -> str:
    console = Console(width=120, record=True, file=StringIO())
    console.print(picture(answer, lang))
    return console.export_text()


def waiting() -> pb.ExplainWorkloadResponse:
    answer = pb.ExplainWorkloadResponse(
        state=workload_pb2.WORKLOAD_STATE_WAITING,
        summary="no site has room for it now",
        summary_zh="目前没有可用的数据中心",
    )
    answer.now.sites, answer.now.servers = 3, 12_000
    answer.now.filters.add(filter="cpu", sites_removed=2, servers_removed=8_000)
    answer.misses.add(
        dimension="cpu",
        alone=True,
        text="lanzhou/117 lacks 4 vCPU of 32",
        text_zh="lanzhou/117 缺 4 vCPU (需要 32)",
    )
    answer.expected_start.text = "2026-11-21 12:00 in lanzhou"
    answer.expected_start.text_zh = "2026-11-21 12:00 于 lanzhou"
    for number in range(10):
        answer.sites.add(site_id=f"site-{number}", objections=["cpu"])
    return answer


def test_what_waits_shows_filters_misses_and_start() -> None:
    text = shown(waiting(), "en")

    for part in ("12,000", "8,000", "lacks 4 vCPU of 32", "expected start: 2026-11-21 12:00"):
        assert part in text
    assert "+ 2 more sites" in text


def test_the_same_in_chinese() -> None:
    text = shown(waiting(), "zh")

    for part in ("目前没有可用的数据中心", "缺 4 vCPU", "预计启动", "数据中心"):
        assert part in text


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_what_is_placed_shows_its_site_against_the_next_by_the_terms_that_count(lang: str) -> None:
    answer = pb.ExplainWorkloadResponse(state=workload_pb2.WORKLOAD_STATE_RUNNING)
    answer.choice.scores.add(site_id="qingyang", class_id="A100", price=900, energy=12)
    answer.choice.scores.add(site_id="lanzhou", class_id="A100", price=910, energy=12)
    answer.choice.cheapest_full.site_id = "jinchang"

    text = shown(answer, lang)

    assert "● qingyang" in text
    assert "912" in text
    assert "922" in text
    assert "jinchang (" in text
    assert ("carbon" if lang == "en" else "碳") not in text


def test_a_latency_says_whether_agents_measured_it() -> None:
    answer = pb.ExplainWorkloadResponse(state=workload_pb2.WORKLOAD_STATE_RUNNING)
    asked = {"class_id": "A100", "price": 900, "latency": 2_640}
    answer.choice.scores.add(site_id="qingyang", latency_us=13_200, latency_measured=True, **asked)
    answer.choice.scores.add(site_id="lanzhou", latency_us=13_200, **asked)

    text = shown(answer, "en")

    assert "2,640 (13.2 ms, measured)" in text
    assert "2,640 (13.2 ms, registered)" in text


def test_a_voucher_stands_beside_the_price_it_pays_a_share_of() -> None:
    answer = pb.ExplainWorkloadResponse(state=workload_pb2.WORKLOAD_STATE_RUNNING)
    answer.choice.scores.add(
        site_id="qingyang", class_id="A100", price=900, voucher=-270, voucher_id="sme-01"
    )

    text = shown(answer, "en")

    assert "voucher" in text
    assert "-270 (sme-01)" in text
    assert "630" in text
