"""Goal: nodes and requests of the trace arrive as they are. Method: a small trace of our own."""

import random

import pytest
from hexi_agent.config import FleetConfig
from hexi_demo import openb

NODES = """sn,cpu_milli,memory_mib,gpu,model
n0,64000,262144,2,P100
n1,64000,262144,2,P100
n2,32000,131072,0,
"""
PODS = """name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos
p0,6000,12288,1,460,V100M16|V100M32,LS
p1,8000,30517,0,0,,LS
"""


@pytest.fixture
def trace(tmp_path):
    (tmp_path / openb.NODES).write_text(NODES)
    (tmp_path / openb.PODS).write_text(PODS)
    return tmp_path


def test_equal_nodes_become_one_model_with_their_share(trace):
    catalogue = FleetConfig.model_validate({"servers": 1, "models": openb.models(trace)}).catalogue

    assert [(m.share, m.cpu_milli, m.accelerator, m.accelerators) for m in catalogue] == [
        (2, 64_000, "P100", 2),
        (1, 32_000, "", 0),
    ]
    assert all(m.idle_w < m.power_limit_w for m in catalogue)


def test_pods_keep_their_share_and_their_models(trace):
    stream = openb.submissions(trace, random.Random(1))

    found = {spec.name: spec.resources for _, spec in (next(stream) for _ in range(4))}

    shared = found["p0"]
    assert (shared.accelerators, shared.accelerator_milli) == (1, 460)
    assert list(shared.accelerator_models) == ["V100M16", "V100M32"]
    assert (found["p1"].accelerators, found["p1"].cpu_milli) == (0, 8_000)


def test_a_folder_without_the_trace_is_told(tmp_path):
    with pytest.raises(SystemExit, match="TRACE"):
        openb.models(tmp_path)
