"""Goal: no two processes of a run are taken for one."""

from __future__ import annotations

from pathlib import Path

from hexi_local.manifest import Manifest
from hexi_local.options import MANIFEST, LocalOptions
from hexi_local.plan import RunPlan


def test_each_worker_has_an_instance_of_its_own(tmp_path: Path) -> None:
    workers = Manifest.read(MANIFEST).chosen("all", ["scheduler-worker", "scheduler-worker-2"])
    plan = RunPlan(LocalOptions(state_dir=tmp_path), workers)

    told = [plan.service(spec, "kafka:9092", lambda _: "").environment for spec in workers]

    assert len({one["HEXI_WORKER_INSTANCE"] for one in told}) == 2
    assert len({one["HEXI_LISTEN"] for one in told}) == 2
