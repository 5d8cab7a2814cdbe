"""Goal: what an agent discovers is compared with what the inventory has, and published when told.
Method: the command as typed, one exporter on loopback, the real inventory."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hexi.inventory.v1 import inventory_service_pb2 as pb
from hexi_agent.hosts import Host, write_hosts
from hexi_agent.main import main
from hexi_agent.testing.small_exporter import exporter, text_page
from hexi_demo import province
from hexi_kit.identity import Principal

pytestmark = pytest.mark.integration
AGENT, OPERATOR = Principal("agent", "1", "lanzhou"), Principal("operator", "duty")
PAGE = 'hw_host_power_watts{host="n1"} 200\nhw_host_power_watts{host="n2"} 300\n'


@pytest.fixture
async def page_url() -> AsyncIterator[str]:
    async with exporter({"/metrics": text_page(PAGE)}) as url:
        yield f"{url}/metrics"


async def test_a_found_server_is_shown_then_published(
    served: Any,
    page_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    site = province.site(province.SITES[0], 1_000, "ab" * 32)
    operator = await served.stub(OPERATOR)
    await operator.RegisterSite(pb.RegisterSiteRequest(idempotency_key="k1", site=site), timeout=10)
    identity = served.harness.pki.identity(AGENT).cert_path.parent.name
    monkeypatch.setenv("HEXI_PKI_DIR", str(tmp_path / "pki"))
    monkeypatch.setenv("HEXI_INVENTORY_ADDRESS", served.harness.address)
    write_hosts(tmp_path / "hosts.csv", [Host("n1", "r1", "m", 1_000, 1_024, "", 0, 700)])
    source = {"kind": "openmetrics", "period_ms": 100, "targets": [page_url]}
    config = {
        "site_id": "lanzhou",
        "identity": identity,
        "state_dir": str(tmp_path / "state"),
        "hosts": str(tmp_path / "hosts.csv"),
        "sources": [source | {"server_label": "host"}],
    }
    (tmp_path / "site.yaml").write_text(json.dumps(config))
    typed = ["discover", "--config", str(tmp_path / "site.yaml"), "--seconds", "2", "--json"]

    async def discover(*more: str) -> tuple[int, dict[str, Any]]:
        code = await asyncio.to_thread(main, [*typed, "--like", "n1", *more])
        said = capsys.readouterr().out
        return code, json.loads(said[said.index("{\n") :])  # a process of its own logs elsewhere

    code, shown = await discover()
    assert code == 1
    assert [one["change"] for one in shown["table"]] == ["new"]
    assert [one["change"] for one in shown["changes"]] == ["new"]  # nothing is published yet

    code, shown = await discover("--write", "--publish")
    assert (code, shown["published"]) == (0, 1)

    assert await discover() == (0, {"table": [], "revision": 1, "changes": []})
    stub = await served.stub(AGENT)
    found = await stub.GetServerSet(pb.GetServerSetRequest(site_id="lanzhou"), timeout=10)
    assert len(found.server_set.rack_index) == 2
