"""Goal: what a reader sees follows from the newest records. Method: journal records, no broker."""

from hexi.scheduler.v1 import place_pb2, route_pb2, workload_pb2
from hexi_kit import ids
from hexi_scheduler.store.view import WorkloadView

ANY = workload_pb2.WORKLOAD_STATE_UNSPECIFIED


def workload(name: str, tenant_id: str = "acme") -> workload_pb2.Workload:
    return workload_pb2.Workload(workload_id=name, tenant_id=tenant_id)


def routed(
    name: str, site_id: str = "lanzhou", state: int = workload_pb2.WORKLOAD_STATE_ROUTED
) -> bytes:
    decided = route_pb2.RouteDecided(
        workload=workload(name), state=state, site_id=site_id, attempt=1
    )
    return route_pb2.RouteRecord(decided=decided).SerializeToString()


def placed(name: str, state: int, site_id: str = "lanzhou") -> tuple[str, bytes]:
    placement_id = ids.derive("placement", name, 1)
    record = place_pb2.PlacementRecord(
        placement_id=placement_id, site_id=site_id, workload=workload(name), state=state
    )
    return f"{site_id}/p/{placement_id}", place_pb2.PlaceJournal(
        placement=record
    ).SerializeToString()


def test_a_submission_is_seen_before_its_first_decision():
    view = WorkloadView()

    view.note_submitted([workload("w1")])

    assert view.get("w1").state == workload_pb2.WORKLOAD_STATE_SUBMITTED
    assert view.get("w2") is None


def test_the_placement_says_more_than_the_route():
    view = WorkloadView()
    view.apply_route("w1", routed("w1"))
    assert view.get("w1").state == workload_pb2.WORKLOAD_STATE_ROUTED

    for state, visible in (
        (place_pb2.PLACEMENT_STATE_PLACED, workload_pb2.WORKLOAD_STATE_PLACED),
        (place_pb2.PLACEMENT_STATE_STARTED, workload_pb2.WORKLOAD_STATE_RUNNING),
        (place_pb2.PLACEMENT_STATE_ENDED, workload_pb2.WORKLOAD_STATE_ENDED),
        (place_pb2.PLACEMENT_STATE_EVICTED, workload_pb2.WORKLOAD_STATE_ROUTED),
    ):
        assert view.apply_placement(*placed("w1", state))
        found = view.get("w1")
        assert found.state == visible
        assert found.workload.workload_id == "w1"
        assert not found.placement.HasField("workload")


def test_a_final_decision_outweighs_an_old_placement():
    view = WorkloadView()
    view.apply_placement(*placed("w1", place_pb2.PLACEMENT_STATE_PLACED))
    view.apply_route("w1", routed("w1", state=workload_pb2.WORKLOAD_STATE_CANCELLED))

    assert view.get("w1").state == workload_pb2.WORKLOAD_STATE_CANCELLED


def test_tombstones_forget():
    view = WorkloadView()
    view.apply_route("w1", routed("w1"))
    key, value = placed("w1", place_pb2.PLACEMENT_STATE_PLACED)
    view.apply_placement(key, value)

    view.apply_placement(key, None)
    assert list(view.placements_of("lanzhou")) == []
    view.apply_route("w1", None)
    assert view.get("w1") is None
    assert view.page("acme", ANY, "", 10) == []


def test_pages_walk_a_tenants_workloads_once_each():
    view = WorkloadView()
    names = [f"w{n:02}" for n in range(7)]
    for name in names[:5]:
        view.apply_route(name, routed(name))
    view.note_submitted([workload(name) for name in names[5:]])
    view.note_submitted([workload("other", "rival")])

    seen, after = [], ""
    while page := view.page("acme", ANY, after, 3):
        seen += [v.workload.workload_id for v in page]
        after = seen[-1]

    assert seen == names


def test_what_is_undecided_is_counted_until_its_decision_is_read_back():
    view = WorkloadView()
    view.note_submitted([workload(f"w{n}") for n in range(3)])

    view.apply_route("w1", routed("w1"))
    view.note_submitted([workload("w1")])

    assert view.undecided == 2


def test_records_that_are_no_workloads_are_not_taken_for_one():
    view = WorkloadView()

    view.apply_route("fence/3", b"7")
    view.apply_route("site/lanzhou", route_pb2.RouteRecord().SerializeToString())

    assert view.get("fence/3") is None
    assert not view.apply_placement("fence/3", b"7")
    assert not view.apply_placement("lanzhou/clock", b"")
