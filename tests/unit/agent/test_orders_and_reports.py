"""Goal: orders reach their executor, reports reach the scheduler, through every break. Method: the
two ends replaced by lists, errors handed out one by one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import chain
from pathlib import Path

import grpc
import pytest
from grpc.aio import AioRpcError, Metadata
from hexi.inventory.v1 import inventory_pb2
from hexi.inventory.v1 import inventory_service_pb2 as inventory
from hexi.scheduler.v1 import place_pb2
from hexi.scheduler.v1 import scheduler_service_pb2 as pb
from hexi_agent.backoff import Backoff
from hexi_agent.config import read_config
from hexi_agent.domain.load import Load
from hexi_agent.domain.simulated_runs import SimulatedRuns
from hexi_agent.executors.fleet import FleetExecutor
from hexi_agent.fleet import make_server_set
from hexi_agent.orders import OrderWatch
from hexi_agent.register import Register
from hexi_agent.reports import BATCH_MAX, Reports
from hexi_kit.clock import SystemClock
from hexi_kit.errors import InvalidArgument
from hexi_kit.ids import seeded
from hexi_kit.testing.clock import ManualClock

STARTED = place_pb2.RUN_STATE_STARTED


def error(code: grpc.StatusCode) -> AioRpcError:
    return AioRpcError(code, Metadata(), Metadata(), "as told")


def backoff() -> Backoff:
    return Backoff(SystemClock(), seeded(1), 0.001, 0.01)


def report(number: int) -> place_pb2.RunReport:
    return place_pb2.RunReport(placement_id=f"p{number}", state=STARTED, at_ms=1)


class Scheduler:
    """Takes reports; raises what stands in `errors` first."""

    def __init__(self, *errors: grpc.StatusCode, hates: str = "") -> None:
        self.errors, self.hates = list(errors), hates
        self.batches: list[list[str]] = []

    async def report_runs(self, request: pb.ReportRunsRequest) -> None:
        names = [one.placement_id for one in request.reports]
        if self.hates in names:
            raise error(grpc.StatusCode.INVALID_ARGUMENT)
        if self.errors:
            raise error(self.errors.pop(0))
        self.batches.append(names)


async def drain(reports: Reports) -> None:
    task = asyncio.create_task(reports.run())
    async with asyncio.timeout(30):
        await reports.drained()
    task.cancel()


async def test_reports_arrive_in_order_in_batches_through_every_error() -> None:
    codes = [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN]
    scheduler = Scheduler(*codes)
    reports = Reports("lanzhou", scheduler.report_runs, SystemClock(), backoff())
    for number in range(BATCH_MAX + 20):
        reports.add(report(number))

    await drain(reports)

    assert [len(batch) for batch in scheduler.batches] == [BATCH_MAX, 20]
    assert list(chain(*scheduler.batches)) == [f"p{n}" for n in range(BATCH_MAX + 20)]


async def test_a_report_the_scheduler_will_never_take_holds_nobody_up() -> None:
    scheduler = Scheduler(hates="p3")
    reports = Reports("lanzhou", scheduler.report_runs, SystemClock(), backoff())
    for number in range(6):
        reports.add(report(number))

    await drain(reports)

    assert list(chain(*scheduler.batches)) == ["p0", "p1", "p2", "p4", "p5"]


class Feed:
    """One list of messages a session; the last session stays open."""

    def __init__(self, *sessions: list[pb.WatchOrdersResponse]) -> None:
        self.sessions = list(sessions)
        self.asked: list[pb.WatchOrdersRequest] = []
        self.read_all = asyncio.Event()

    async def watch(self, request: pb.WatchOrdersRequest) -> AsyncIterator[pb.WatchOrdersResponse]:
        self.asked.append(request)
        for message in self.sessions.pop(0):
            yield message
        if self.sessions:
            raise error(grpc.StatusCode.UNAVAILABLE)
        self.read_all.set()
        await asyncio.Event().wait()


def orders(*names: str, run: bool = True, complete: bool = False) -> pb.WatchOrdersResponse:
    made = pb.WatchOrdersResponse(complete=complete)
    for name in names:
        order = made.orders.add(placement_id=name, run=run, executor="fleet")
        order.allocations.add(server=0)
        order.workload.spec.resources.cpu_milli = 100
    return made


async def test_what_the_new_picture_lacks_was_taken_back_while_we_were_away() -> None:
    load, told = Load(1), []
    runs = SimulatedRuns(load, lambda _: 0.0)
    executor = FleetExecutor(runs, ManualClock(), SystemClock(), told.append)
    feed = Feed(
        [orders("a", "b"), orders(complete=True), orders("c"), orders("b", run=False)],
        [orders("c"), orders("d", complete=True), orders("x", run=False)],
    )
    watch = OrderWatch("lanzhou", {"fleet": executor}, feed.watch, backoff())

    task = asyncio.create_task(watch.run())
    async with asyncio.timeout(30):
        await feed.read_all.wait()
    task.cancel()

    assert [one.placement_id for one in told] == ["a", "b", "c", "d"]
    assert load.cpu_milli[0] == 200
    assert [list(asked.executors) for asked in feed.asked] == [["fleet"]] * 2


async def test_a_broken_picture_takes_nothing_back() -> None:
    load = Load(1)
    runs = SimulatedRuns(load, lambda _: 0.0)
    executor = FleetExecutor(runs, ManualClock(), SystemClock(), lambda _: None)
    feed = Feed([orders("a", "b", complete=True)], [orders("a")], [])
    watch = OrderWatch("lanzhou", {"fleet": executor}, feed.watch, backoff())

    task = asyncio.create_task(watch.run())
    async with asyncio.timeout(30):
        await feed.read_all.wait()
    task.cancel()

    assert load.cpu_milli[0] == 200


async def test_the_server_set_is_published_until_it_is_accepted_and_remembered(
    tmp_path: Path,
) -> None:
    servers = make_server_set("lanzhou", 40, seed=1, host_server=False)
    refusals = [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.NOT_FOUND]
    asked: list[inventory.PublishServerSetRequest] = []

    async def publish(request: inventory.PublishServerSetRequest):
        asked.append(request)
        if refusals:
            raise error(refusals.pop())
        return inventory.PublishServerSetResponse(revision=7)

    register = Register(servers, tmp_path, backoff())
    assert register.revision == 0
    await register.publish(publish)

    assert register.revision == 7
    assert len({request.idempotency_key for request in asked}) == 1
    assert Register(servers, tmp_path, backoff()).revision == 7
    other = make_server_set("lanzhou", 60, seed=1, host_server=False)
    assert Register(other, tmp_path, backoff()).revision == 0


async def test_an_operators_server_set_counts_when_it_is_the_one_here(tmp_path: Path) -> None:
    servers = make_server_set("lanzhou", 400, seed=1, host_server=False)
    answers: list[inventory_pb2.ServerSet] = []
    for revision, seed in ((1, 2), (2, 1)):
        answers.append(make_server_set("lanzhou", 400, seed=seed, host_server=False))
        answers[-1].revision = revision

    async def get(_: inventory.GetServerSetRequest) -> inventory.GetServerSetResponse:
        return inventory.GetServerSetResponse(server_set=answers.pop(0))

    register = Register(servers, tmp_path, backoff())
    await register.find(get)

    assert register.revision == 2


GOOD = "{site_id: lanzhou, identity: agent-lanzhou, state_dir: /tmp/a, fleet: {servers: 3}}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "config"),
        ("[1, 2]", "config"),
        ("{site_id: [", "config"),
        (GOOD.replace("lanzhou", "../x"), "site_id"),
        (GOOD.replace("servers: 3", "servers: -1"), "fleet.servers"),
        (GOOD.replace("servers: 3", "servers: 0"), "none of them"),
        (GOOD.replace("}}", "}, surprise: 1}"), "surprise"),
        (GOOD.replace("}}", "}, executors: [host]}"), "executors"),
        (GOOD.replace("}}", "}, servers: x.json}"), "was both"),
    ],
)
def test_a_bad_configuration_is_refused_with_its_field(
    text: str, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(text)

    with pytest.raises(InvalidArgument, match=said):
        read_config(path)


def test_a_good_configuration_is_read(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(GOOD)

    config = read_config(path)

    assert (config.site_id, config.agent_id, config.fleet.servers) == ("lanzhou", "1", 3)
    with pytest.raises(InvalidArgument, match="No such file"):
        read_config(tmp_path / "other.yaml")
