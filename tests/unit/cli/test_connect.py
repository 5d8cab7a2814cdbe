"""Goal: what the command sends is a call that services take. Method: a servicer over real mTLS."""

import asyncio

import grpc
import pytest
from hexi.scheduler.v1 import scheduler_service_pb2 as pb
from hexi.scheduler.v1 import scheduler_service_pb2_grpc as stubs
from hexi_cli.connect import Connection
from hexi_kit.errors import NotFound
from hexi_kit.identity import Principal
from hexi_kit.testing.pki import Pki
from hexi_kit.testing.rpc import serve


class Nothing(stubs.SchedulerServiceServicer):
    """Knows no workload."""

    async def GetWorkload(self, request, context):
        raise NotFound("workload", request.workload_id)


async def test_a_call_of_the_command_has_a_deadline(tmp_path):
    add = stubs.add_SchedulerServiceServicer_to_server
    pki = Pki(tmp_path)
    async with serve([(add, Nothing())], pki, service_name="scheduler") as harness:
        me = pki.identity(Principal("tenant", "main", "acme"))
        stub = Connection({"scheduler": harness.address}, me).stub(
            "scheduler", stubs.SchedulerServiceStub
        )

        with pytest.raises(grpc.RpcError) as refused:
            await asyncio.to_thread(stub.GetWorkload, pb.GetWorkloadRequest(workload_id="w"))

    assert refused.value.code() is grpc.StatusCode.NOT_FOUND
