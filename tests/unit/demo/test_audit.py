"""Goal: each check passes on a true log and fails on one with a lie in it. Method: small logs."""

from hexi.inventory.v1 import inventory_pb2
from hexi.scheduler.v1 import place_pb2, route_pb2, workload_pb2
from hexi.telemetry.v1 import telemetry_pb2
from hexi_demo.audit import capacity, frames, outcomes, usage
from hexi_demo.audit.log import Entry

SITE = "lanzhou"
PLACED, STARTED, ENDED, EVICTED = (
    place_pb2.PLACEMENT_STATE_PLACED,
    place_pb2.PLACEMENT_STATE_STARTED,
    place_pb2.PLACEMENT_STATE_ENDED,
    place_pb2.PLACEMENT_STATE_EVICTED,
)


def entries(values, key="k"):
    return [Entry(0, n, key, value) for n, value in enumerate(values)]


def job(name="w1", *, cpu=1_000, replicas=1, devices=0):
    spec = workload_pb2.WorkloadSpec(replicas=replicas)
    spec.resources.cpu_milli = cpu
    spec.resources.accelerators = devices
    return workload_pb2.Workload(workload_id=name, spec=spec)


def placement(state, *, name="p1", workload=None, servers=(0,), devices=(), **fields):
    record = place_pb2.PlacementRecord(
        placement_id=name, site_id=SITE, state=state, workload=workload or job(), **fields
    )
    for server in servers:
        record.allocations.add(server=server, devices=devices, device_milli=600)
    return place_pb2.PlaceJournal(placement=record)


def server_set():
    servers = inventory_pb2.ServerSet(
        cpu_milli=[2_000, 2_000], memory_mib=[1, 1], accelerators=[0, 1]
    )
    return place_pb2.PlaceJournal(server_set=place_pb2.ServerSetRecord(server_set=servers))


def out(*servers):
    record = place_pb2.ConditionRecord(
        condition=place_pb2.SERVER_CONDITION_QUARANTINED, servers=servers
    )
    return place_pb2.PlaceJournal(condition=record)


def journal(*items):
    return entries([server_set(), *items], key=f"{SITE}/p/x")


def failed(checks):
    return [check.name for check in checks if not check.passed]


def test_a_clean_journal_passes():
    log = journal(
        placement(PLACED),
        placement(STARTED),
        placement(PLACED, name="p2"),
        placement(ENDED),
        placement(PLACED, name="p3"),
    )

    assert failed(capacity.checks(log)) == []


def test_an_empty_journal_proves_nothing():
    assert len(failed(capacity.checks([]))) == 3


def test_too_much_on_a_server_is_seen():
    log = journal(*(placement(PLACED, name=f"p{n}") for n in range(3)))

    assert failed(capacity.checks(log)) == ["no server was ever over-allocated"]


def test_too_much_of_one_device_is_seen():
    work = job(cpu=1, devices=1)
    log = journal(
        *(
            placement(PLACED, name=f"p{n}", workload=work, servers=(1,), devices=(0,))
            for n in range(2)
        )
    )

    assert failed(capacity.checks(log)) == ["no server was ever over-allocated"]


def test_a_device_that_is_not_there_is_seen():
    work = job(cpu=1, devices=1)
    log = journal(placement(PLACED, workload=work, servers=(0,), devices=(0,)))

    assert failed(capacity.checks(log)) == ["no server was ever over-allocated"]


def test_a_placement_on_a_quarantined_server_is_seen():
    before = journal(placement(PLACED), out(0))
    after = journal(out(0), placement(PLACED))
    lifted = journal(out(0), out(), placement(PLACED))

    assert failed(capacity.checks(before)) == []
    assert failed(capacity.checks(after)) == ["no placement on a server that was out"]
    assert failed(capacity.checks(lifted)) == []


def test_half_a_gang_is_seen():
    log = journal(placement(PLACED, workload=job(replicas=2)))

    assert failed(capacity.checks(log)) == ["every gang was placed whole"]


def submission(*names):
    batch = route_pb2.SubmitBatch(workloads=[job(name) for name in names])
    return entries([route_pb2.Request(submit=batch)])


def route(name, state):
    record = route_pb2.RouteRecord(decided=route_pb2.RouteDecided(workload=job(name), state=state))
    return Entry(0, 0, name, record)


def judged(requests, routes, log, acknowledged=("w1",)):
    return failed(outcomes.checks(list(acknowledged), requests, routes, log)[0])


ONE = "every submitted workload has exactly one outcome"
ROUTED = workload_pb2.WORKLOAD_STATE_ROUTED
OVER = workload_pb2.WORKLOAD_STATE_ENDED


def test_one_outcome_each_passes():
    log = entries([placement(STARTED), placement(ENDED)])
    found, counts = outcomes.checks(["w1"], submission("w1"), [route("w1", OVER)], log)

    assert failed(found) == []
    assert counts == {"ended": 1}


def test_lies_about_outcomes_are_seen():
    live = entries([placement(PLACED)])
    twice = entries([placement(PLACED), placement(PLACED, name="p2")])

    assert judged(submission("w1"), [], live) == [ONE]
    assert judged(submission("w1"), [route("w1", ROUTED)], []) == [ONE]
    assert judged(submission("w1"), [route("w1", ROUTED)], twice) == [ONE]
    assert judged(submission("w1"), [route("w1", OVER)], live) == [ONE]
    assert judged(submission("w1"), [route("w1", OVER)] * 2, []) == [ONE]
    assert judged(submission("w1"), [route("w1", ROUTED), route("w9", OVER)], live) == [ONE]


def test_a_lost_submission_is_seen():
    found = judged(submission("w1"), [route("w1", OVER)], [], ("w1", "w2"))

    assert found == ["no acknowledged submission was lost"]


def frame(sequence):
    inner = telemetry_pb2.Frame(site_id=SITE, agent_id="1", epoch=1, sequence=sequence)
    return telemetry_pb2.SignedFrame(frame=inner.SerializeToString())


def gap(first, last, cause=telemetry_pb2.GAP_CAUSE_AGENT_LOST):
    return telemetry_pb2.GapRecorded(
        site_id=SITE, agent_id="1", epoch=1, first_sequence=first, last_sequence=last, cause=cause
    )


def frames_hold(sent, accepted, gaps, forged=0, events=0):
    log = entries([frame(n) for n in accepted])
    found = frames.checks({(SITE, "1", 1): sent}, log, entries(gaps), forged, events)
    return failed(found) == []


def test_frames_are_accounted_for_to_the_last():
    assert frames_hold(5, [1, 2, 5], [gap(3, 4)])
    assert not frames_hold(5, [1, 2, 4], [gap(3, 3)])
    assert not frames_hold(3, [1, 2, 3, 3], [])
    assert not frames_hold(3, [1, 2, 3], [gap(3, 3)])
    assert not frames_hold(2, [1, 2, 3], [])
    assert not frames_hold(1, [1], [], forged=2, events=1)


def used(start, end, name, kind=place_pb2.USAGE_KIND_WINDOW, units=2):
    return place_pb2.Usage(
        usage_id=name,
        kind=kind,
        placement_id="p1",
        start_ms=start,
        end_ms=end,
        units=units,
        unit_ms=units * (end - start),
    )


def billed(usages, started=100, ended=900):
    batch = entries([place_pb2.UsageBatch(usages=usages)])
    record = placement(ENDED, started_at_ms=started, ended_at_ms=ended).placement
    return failed(usage.checks(batch, [record])) == []


def test_usage_has_no_hole_and_no_overlap():
    first, second = used(100, 500, "a"), used(500, 900, "b", place_pb2.USAGE_KIND_ENDED)

    assert billed([first, second])
    assert billed([first, second, first])
    assert not billed([first])
    assert not billed([first, used(600, 900, "b")])
    assert not billed([first, used(400, 900, "b")])
    assert not billed([first, second, used(900, 950, "c")])
    assert not billed([first, second, used(100, 500, "a", units=3)])
