"""Goal: keys change and both sides die at any moment, and still every honest frame is accepted and
every accepted one is proven by the stated keys alone. Method: a state machine of the agent's own
keys on disk, telemetry's own decisions, crashes and attacks between."""

from __future__ import annotations

import stat
import tempfile
from pathlib import Path

from cryptography import x509
from hexi.telemetry.v1 import telemetry_pb2 as pb
from hexi_agent.frame import FrameSigner
from hexi_agent.keys import DAY_MS, FILE, FrameKey, FrameKeys, KeyRules
from hexi_agent.spool import StreamName
from hexi_kit.columns import pack
from hexi_kit.identity import Principal
from hexi_kit.keys import Algorithm, PrivateKey, PublicKey
from hexi_kit.signing import fingerprint, sm3
from hexi_kit.testing.pki import Pki
from hexi_telemetry.domain.arrival import Decided, Peer
from hexi_telemetry.domain.check import Bounds, Site
from hexi_telemetry.domain.decide import Circumstances, decide, decide_key
from hexi_telemetry.domain.frame import Reason
from hexi_telemetry.domain.stream import Stream, StreamKey
from hexi_telemetry.wire.arrivals import Authenticator
from hexi_telemetry.wire.keys import read_statement
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from numpy import full

KEY, NAME = StreamKey("lanzhou", "1", 1), StreamName("lanzhou", "1", 1)
START_MS = 1_800_000_000_000
PKI = tempfile.TemporaryDirectory()
IDENTITY = Pki(Path(PKI.name)).identity(Principal("agent", "1", "lanzhou"))
PEM, SIGNER = IDENTITY.certificate(), FrameSigner(IDENTITY)
CERTIFICATE = PublicKey(
    Algorithm.ECDSA_P256_SHA256,
    x509.load_pem_x509_certificate(PEM).public_key(),
    fingerprint(PEM),
)
SITE = Site("lanzhou", True, 1, {1: 1}, frozenset({CERTIFICATE.key_id}))
WATTS = pb.Column(metric=1, **pack(full(1, 250, "<f4"))._asdict())


class Rotation(RuleBasedStateMachine):
    """`topic` and `log` are what an auditor has; `stored` is what telemetry keeps over a crash."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.now_ms, self.frames, self.head = START_MS, [b""], b""
        self.stored, self.stream = Stream(KEY), Stream(KEY)
        self.topic: list[pb.SignedKeyStatement] = []
        self.log: list[tuple[int, str]] = []
        self.agent_dies()

    def teardown(self) -> None:
        self.folder.cleanup()

    @rule()
    def agent_dies(self) -> None:
        """What it has in memory is gone; so is what its session had stated."""
        self.keys = FrameKeys(Path(self.folder.name), KeyRules(days=1))

    @rule()
    def agent_dies_with_a_new_key_unused(self) -> None:
        self._cover()
        self.agent_dies()

    @rule()
    def telemetry_dies(self) -> None:
        self.stream = self.stored.copy()
        self.stream.recent.clear()

    @rule(days=st.integers(-1, 2))
    def time_passes_or_is_corrected(self, days: int) -> None:
        self.now_ms += days * DAY_MS

    @rule(count=st.integers(1, 4))
    def append(self, count: int) -> None:
        for _ in range(count):
            self._cover()
            self.frames.append(self._frame(len(self.frames), self.head))
            self.head = sm3(self.frames[-1])

    @rule(count=st.integers(1, 5), is_kept=st.booleans())
    def send(self, count: int, is_kept: bool) -> None:
        """One session; without `is_kept` telemetry dies before it stores the last decision."""
        signer, reader = self._signer(), self._reader()
        first = self.stream.decided_through + 1
        for number in range(first, min(first + count, len(self.frames))):
            for request in signer.requests(NAME, number, self.frames[number]):
                if request.HasField("key"):
                    decided = self._state(request.key)
                    reader.learn(self.stream.keys)
                    assert decided.refused == []
                    continue
                decided = decide(self.stream, [reader.read(request.frame)], self._around())
                assert decided.refused == [] and len(decided.accepted) == 1
                if not is_kept and number + 1 == min(first + count, len(self.frames)):
                    return self.telemetry_dies()
                self.log.append((number, request.frame.key_id))
                self._keep(decided)
        return None

    @precondition(lambda self: len(self.stream.keys.keys) > 1)
    @rule(data=st.data())
    def sign_with_another_key_of_the_agent(self, data: st.DataObject) -> None:
        number = self.stream.decided_through + 1
        wrong = [k for k in self.stream.keys if k != self.stream.keys.of(number)]
        key = data.draw(st.sampled_from([k.from_sequence for k in wrong]))
        mine = self.keys.of(1, key)
        if mine is None or mine.private.key_id not in {k.key_id for k in wrong}:
            return  # the agent has forgotten it
        frame = self._frame(number, self.stream.head)
        forged = pb.SignedFrame(
            frame=frame, algorithm=2, signature=mine.private.sign(frame), key_id=mine.private.key_id
        )
        decided = decide(self.stream, [self._reader().read(forged)], self._around())
        assert [one.refusal.reason for one in decided.refused] == [Reason.SIGNATURE]
        self._keep(decided)

    @precondition(lambda self: self.stream.decided_through > 0)
    @rule(data=st.data())
    def state_another_key_for_the_past(self, data: st.DataObject) -> None:
        """Even the agent itself may not."""
        first = data.draw(st.integers(1, self.stream.decided_through))
        other = PrivateKey.generate(Algorithm.SM2_SM3)
        late = FrameKey(1, first, self.now_ms + 9 * DAY_MS, other)
        decided = self._state(SIGNER.statement(NAME, late))
        assert [one.refusal.reason for one in decided.refused] == [Reason.REPLAYED]

    @precondition(lambda self: self.topic)
    @rule(data=st.data())
    def state_an_old_key_again(self, data: st.DataObject) -> None:
        before = self.stream.keys
        self._state(data.draw(st.sampled_from(self.topic)))
        assert self.stream.keys == before

    @rule(site_id=st.sampled_from(["qingyang", ""]), agent_id=st.sampled_from(["1", "2"]))
    def state_the_key_of_another(self, site_id: str, agent_id: str) -> None:
        stranger = FrameKey(1, len(self.frames), self.now_ms, PrivateKey.generate(Algorithm(2)))
        statement = SIGNER.statement(StreamName(site_id, agent_id, 1), stranger)
        [refused] = self._state(statement).refused
        assert refused.refusal.reason is Reason.WRONG_SITE

    @invariant()
    def every_accepted_frame_is_proven_by_the_stated_keys(self) -> None:
        stated = [pb.KeyStatement.FromString(one.statement) for one in self.topic]
        for number, key_id in self.log:
            fit = [one for one in stated if one.from_sequence <= number]
            last = max(fit, key=lambda one: one.stated_at_ms)
            assert sm3(last.public_key).hex() == key_id

    @invariant()
    def only_the_agent_may_read_its_keys(self) -> None:
        path = Path(self.folder.name) / FILE
        assert not path.exists() or stat.S_IMODE(path.stat().st_mode) == 0o600
        assert len(self.keys) <= len(self.frames) + 1

    def _cover(self) -> None:
        self.keys.cover(1, len(self.frames), self.stored.decided_through, self.now_ms)

    def _frame(self, number: int, head: bytes) -> bytes:
        return pb.Frame(
            site_id="lanzhou",
            agent_id="1",
            epoch=1,
            sequence=number,
            server_set_revision=1,
            observed_at_ms=self.now_ms,
            period_ms=10_000,
            count=1,
            columns=[WATTS],
            previous_digest=head,
        ).SerializeToString(deterministic=True)

    def _signer(self) -> FrameSigner:
        return FrameSigner(IDENTITY, self.keys)

    def _reader(self) -> Authenticator:
        reader = Authenticator(KEY, CERTIFICATE, SITE.fingerprints)
        reader.learn(self.stream.keys)
        return reader

    def _around(self) -> Circumstances:
        peer = Peer(KEY, "agent", "agent", self.stream.decided_through + 1)
        bounds = Bounds(10**12, 10**12)
        return Circumstances(peer, SITE, bounds, self.now_ms, lambda *_: [])

    def _state(self, signed: pb.SignedKeyStatement) -> Decided:
        stated = read_statement(signed, KEY, CERTIFICATE)
        decided = decide_key(self.stream, stated, sm3(signed.statement), self._around())
        if decided.stated is not None:
            self.topic.append(signed)
        self._keep(decided)
        return decided

    def _keep(self, decided: Decided) -> None:
        self.stream = decided.stream
        self.stored = self.stream.copy()


Rotation.TestCase.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
TestRotation = Rotation.TestCase
