"""Goal: each series of a remote write request is taken or told of, in both versions. Method: real
requests built by the contract's shapes, and mutated ones."""

from __future__ import annotations

import math
import struct

import pytest
from hexi.agent.v1 import remote_write_pb2 as pb
from hexi_agent.sources.http_door import Answer, NotTaken
from hexi_agent.sources.intake import Intake
from hexi_agent.sources.raw import RawReading
from hexi_agent.sources.remote_write.options import RemoteWriteOptions
from hexi_agent.sources.remote_write.source import RemoteWrite
from hexi_kit.errors import InvalidArgument, ResourceExhausted
from hexi_kit.testing.clock import ManualClock
from hypothesis import given, settings
from hypothesis import strategies as st

NOW_MS = ManualClock().now_ms()
V1 = {"Content-Type": "application/x-protobuf"}
V2 = {"Content-Type": "application/x-protobuf;proto=io.prometheus.write.v2.Request"}
(STALE,) = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))
UP = {"__name__": "up", "instance": "node1:9100", "job": "node"}


class World:
    """Remote write into a list."""

    def __init__(self, **options: object) -> None:
        self.taken = list[RawReading]()
        told = RemoteWriteOptions.model_validate(options)
        intake = Intake("remote_write", ManualClock(), told.readings_per_s_max)
        intake.connect(self.taken.extend)
        self._dialect = RemoteWrite(told, intake)

    def write(self, *series: pb.TimeSeries) -> Answer:
        request = pb.WriteRequest(timeseries=series)
        return self._dialect.receive(V1, request.SerializeToString())

    def receive(self, body: bytes, headers: dict[str, str]) -> Answer:
        return self._dialect.receive(headers, body)


def series(labels: dict[str, str], *samples: tuple[float, int]) -> pb.TimeSeries:
    return pb.TimeSeries(
        labels=[pb.Label(name=name, value=value) for name, value in labels.items()],
        samples=[pb.Sample(value=value, timestamp=at_ms) for value, at_ms in samples],
    )


def test_a_series_is_of_the_host_of_its_instance() -> None:
    world = World()

    answer = world.write(series(UP, (1.0, NOW_MS)))

    assert answer.status == 204
    assert answer.headers["X-Prometheus-Remote-Write-Samples-Written"] == "1"
    labels = (("instance", "node1:9100"), ("job", "node"))
    assert world.taken == [RawReading("remote_write", "node1", "up", labels, 1.0, "", NOW_MS)]


def test_samples_of_a_request_go_on_in_order_of_their_time() -> None:
    world = World()

    world.write(series(UP, (2.0, NOW_MS - 10), (4.0, NOW_MS)), series(UP, (1.0, NOW_MS - 20)))

    assert [one.value for one in world.taken] == [1.0, 2.0, 4.0]


def test_a_stale_marker_ends_its_series() -> None:
    world = World()

    assert world.write(series(UP, (STALE, NOW_MS))).status == 204

    assert math.isnan(world.taken[0].value)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (series({"instance": "n"}, (1.0, NOW_MS)), "expected a series with __name__"),
        (series({"__name__": "a", "": "b"}, (1.0, NOW_MS)), "expected each label once"),
        (series(UP, (1.0, NOW_MS + 3_600_000)), "ahead of ours"),
        (series(UP, (math.inf, NOW_MS)), "expected a finite value"),
        (pb.TimeSeries(labels=series(UP).labels, histograms=[pb.NativeHistogram()]), "histograms"),
        (
            pb.TimeSeries(
                labels=[*series(UP).labels, pb.Label(name="job", value="b")],
                samples=[pb.Sample(value=1.0, timestamp=NOW_MS)],
            ),
            "expected each label once",
        ),
    ],
)
def test_a_wrong_series_is_told_and_the_others_are_taken(wrong: pb.TimeSeries, reason: str) -> None:
    world = World()

    answer = world.write(wrong, series(UP, (7.0, NOW_MS)))

    assert answer.status == 400
    assert reason in answer.body.decode()
    assert [one.value for one in world.taken] == [7.0]


def test_version_2_speaks_by_symbols() -> None:
    world = World(server_labels=["host", "instance"])
    words = ["", "__name__", "power", "instance", "n1:1", "host", "n2", "watts"]
    request = pb.WriteRequestV2(symbols=words)
    one = request.timeseries.add(labels_refs=[1, 2, 3, 4, 5, 6])
    one.metadata.unit_ref = 7
    one.samples.add(value=250.0, timestamp=NOW_MS)

    assert world.receive(request.SerializeToString(), V2).status == 204

    labels = (("host", "n2"), ("instance", "n1:1"))
    expected = RawReading("remote_write", "n2", "power", labels, 250.0, "watts", NOW_MS)
    assert world.taken == [expected]


@pytest.mark.parametrize("refs", [[1, 9], [1], [4_000_000_000, 1]])
def test_a_symbol_that_is_not_there_refuses_the_request(refs: list[int]) -> None:
    request = pb.WriteRequestV2(symbols=["", "__name__"])
    request.timeseries.add(labels_refs=refs)

    with pytest.raises(InvalidArgument):
        World().receive(request.SerializeToString(), V2)


def test_what_is_no_request_is_refused() -> None:
    for kind in ("application/json", "", "application/x-protobuf;proto=prometheus.Else"):
        with pytest.raises(NotTaken):
            World().receive(b"", {"Content-Type": kind})
    with pytest.raises(InvalidArgument):
        World().receive(b"\xff\xff", V1)


def test_who_sends_too_much_is_sent_away() -> None:
    world = World(readings_per_s_max=1)
    world.write(series(UP, *[(1.0, NOW_MS)] * 5))

    with pytest.raises(ResourceExhausted):
        world.write(series(UP, (1.0, NOW_MS)))


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([V1, V2]),
    st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=6),
)
def test_a_mutated_write_is_an_answer(
    headers: dict[str, str], changes: list[tuple[int, int]]
) -> None:
    second = pb.WriteRequestV2(symbols=["", "__name__", "a", "instance", "b"])
    second.timeseries.add(labels_refs=[1, 2, 3, 4]).samples.add(value=1.0, timestamp=NOW_MS)
    first = pb.WriteRequest(timeseries=[series(UP, (1.0, NOW_MS))])
    body = bytearray((first if headers is V1 else second).SerializeToString())
    for at, byte in changes:
        body[at % len(body)] = byte

    try:
        assert World().receive(bytes(body), headers).status in (204, 400)
    except InvalidArgument:
        return
