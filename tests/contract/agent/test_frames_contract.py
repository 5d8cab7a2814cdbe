"""Goal: what the agent sends is what telemetry accepts, and a changed bit is not. Method: the
agent's sampler and signer against telemetry's own checks."""

from pathlib import Path

import pytest
from cryptography import x509
from hexi.telemetry.v1 import telemetry_pb2
from hexi_agent.domain.load import Load
from hexi_agent.domain.physics import SitePhysics
from hexi_agent.fleet import make_layout
from hexi_agent.frame import FrameSigner
from hexi_agent.sampler import Beat, Sampler
from hexi_agent.sources.fleet import FleetSource
from hexi_agent.sources.host import HostSource
from hexi_agent.spool import SpoolLimits
from hexi_agent.spool.line import Line
from hexi_kit.identity import Principal
from hexi_kit.keys import Algorithm, PublicKey
from hexi_kit.testing.clock import ManualClock
from hexi_kit.testing.pki import Pki
from hexi_telemetry.domain.check import Bounds, Site, check_content
from hexi_telemetry.domain.frame import Metric
from hexi_telemetry.domain.stream import Stream, StreamKey
from hexi_telemetry.wire.arrivals import Authenticator
from hypothesis import given, settings
from hypothesis import strategies as st

SERVERS, REVISION = 6_001, 3
BOUNDS = Bounds(early_ms=60_000, late_ms=60_000)


class Agent:
    """A sampler over a simulated site and this machine."""

    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock()
        identity = Pki(folder / "pki").identity(Principal("agent", "1", "lanzhou"))
        self.signer = FrameSigner(identity)
        layout = make_layout("lanzhou", SERVERS, seed=1, host_server=True)
        physics = SitePhysics(layout, Load(SERVERS), 1, 1_200)
        self.line = Line(folder, ("lanzhou", "1"), self.clock.now_ms(), SpoolLimits())
        sources = [FleetSource(physics, SERVERS, layout.host), HostSource(layout.host)]
        beat = Beat("lanzhou", "1", 10_000)
        self.sampler = Sampler(beat, sources, self.line, self.clock, lambda: REVISION)

    def beat(self) -> list[telemetry_pb2.SignedFrame]:
        before = self.line.mark.sequence
        self.clock.advance(10_000)
        self.sampler.take(self.clock.now_ms())
        return [self.signer.sign(one.frame) for one in self.line.stream.spool.read(before, 100)]

    def authenticator(self) -> Authenticator:
        key = x509.load_pem_x509_certificate(self.signer.certificate).public_key()
        name, key_id = StreamKey(*self.line.stream.name), self.signer.key_id
        certificate = PublicKey(Algorithm.ECDSA_P256_SHA256, key, key_id)
        return Authenticator(name, certificate, frozenset({key_id}))


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    return Agent(tmp_path)


def test_three_beats_are_proven_chained_and_plausible(agent: Agent) -> None:
    site = Site("lanzhou", True, REVISION, {REVISION: SERVERS})
    stream = Stream(StreamKey(*agent.line.stream.name))
    authenticator = agent.authenticator()
    meters: list[tuple[int, int]] = []

    for _ in range(3):
        frames = agent.beat()
        assert len(frames) == 3
        for signed in frames:
            arrival = authenticator.read(signed)
            assert arrival.unproven is None
            assert arrival.frame is not None
            assert stream.breaks_chain(arrival.frame) is None
            assert check_content(arrival.frame, site, BOUNDS, agent.clock.now_ms()) is None
            assert stream.settle(arrival.frame, None) == []
            if arrival.frame.facility_energy_ws:
                meters.append((arrival.frame.it_energy_ws, arrival.frame.facility_energy_ws))

    assert len(meters) == 3
    assert meters == sorted(meters)
    assert stream.decided_through == 9


def test_every_server_is_covered_once_by_a_good_reading(agent: Agent) -> None:
    authenticator = agent.authenticator()

    frames = [authenticator.read(signed).frame for signed in agent.beat()]

    assert [(f.first_server, f.count, f.good_count) for f in frames] == [
        (0, 5_000, 5_000),
        (5_000, 1_001, 1_000),
        (6_000, 1, 1),
    ]
    assert Metric.MEMORY_UTILISATION in frames[2].columns


def test_a_changed_frame_is_never_proven(agent: Agent) -> None:
    good, authenticator = agent.beat()[2], agent.authenticator()

    @settings(max_examples=300, deadline=None)
    @given(part=st.sampled_from(["frame", "signature"]), where=st.floats(0, 1), flip=st.data())
    def change(part: str, where: float, flip: st.DataObject) -> None:
        value = bytearray(getattr(good, part))
        value[round(where * (len(value) - 1))] ^= flip.draw(st.integers(1, 255))
        changed = telemetry_pb2.SignedFrame()
        changed.CopyFrom(good)
        setattr(changed, part, bytes(value))
        assert authenticator.read(changed).unproven is not None

    assert authenticator.read(good).unproven is None
    change()


def test_a_restart_goes_on_with_number_chain_and_meters(tmp_path: Path) -> None:
    first = Agent(tmp_path)
    last = first.beat()[-1]
    mark = first.line.mark
    first.line.close()

    again = Agent(tmp_path)
    again.clock.advance(10_000)
    frame = telemetry_pb2.Frame.FromString(again.beat()[0].frame)
    before = telemetry_pb2.Frame.FromString(last.frame)

    assert again.line.stream.name == first.line.stream.name
    assert frame.sequence == before.sequence + 1
    assert frame.previous_digest == mark.digest
    assert frame.it_energy_ws > mark.it_ws
