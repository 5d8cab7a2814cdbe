"""Goal: every attack on a stream is refused for the right reason and told, none crashes, and the
honest agent loses nothing by it. Method: thousands of seeded attacks between honest frames."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable

import numpy as np
import zstandard
from hexi.telemetry.v1 import telemetry_pb2 as pb
from hexi_kit.columns import pack_fixed
from hexi_kit.ids import seeded
from hexi_kit.keys import Algorithm, PrivateKey, PublicKey
from hexi_kit.signing import sm3
from hexi_telemetry.domain.arrival import Decided, Peer
from hexi_telemetry.domain.check import Bounds, Site
from hexi_telemetry.domain.decide import Circumstances, decide
from hexi_telemetry.domain.frame import Reason
from hexi_telemetry.domain.keys import KeyRing, StatedKey
from hexi_telemetry.domain.stream import Stream, StreamKey
from hexi_telemetry.wire.arrivals import Authenticator
from hexi_telemetry.wire.events import suspicion_event

ATTACKS = 10_000 if os.environ.get("HEXI_CHAOS") == "long" else 2_000
KEY = StreamKey("lanzhou", "1", 7)
NOW_MS, SERVERS = 1_800_000_000_000, 9
BOUNDS = Bounds(early_ms=60_000, late_ms=3_600_000)
SITE = Site("lanzhou", True, 1, {1: SERVERS}, frozenset({"c" * 64}))
CERTIFICATE = PrivateKey.generate(Algorithm.ECDSA_P256_SHA256)
OWN, OTHER = (PrivateKey.generate(Algorithm.SM2_SM3) for _ in range(2))
BOMB = zstandard.ZstdCompressor().compress(bytes(1 << 24))
UNREADABLE = {Reason.MALFORMED, Reason.SIGNATURE, Reason.WRONG_SITE, Reason.REPLAYED}

Attack = Callable[["Siege"], tuple[list[pb.SignedFrame], set[Reason]]]


def signed(data: bytes, key: PrivateKey = OWN, key_id: str = "") -> pb.SignedFrame:
    return pb.SignedFrame(
        frame=data,
        algorithm=pb.SignatureAlgorithm.ValueType(key.algorithm.value),
        signature=key.sign(data),
        key_id=key_id or key.key_id,
    )


class Siege:
    """One stream, its honest agent, and an attacker who has seen everything sent so far."""

    def __init__(self, seed: int) -> None:
        self.dice = seeded(seed)
        self.stream = Stream(KEY, keys=KeyRing((_stated(OWN, 1),)))
        certificate = PublicKey.load(CERTIFICATE.algorithm, CERTIFICATE.public_der())
        self.authenticator = Authenticator(KEY, certificate, frozenset({"c" * 64}))
        self.authenticator.learn(self.stream.keys)
        self.seen: list[pb.SignedFrame] = []

    def data(self, ahead: int = 0, **changed: object) -> bytes:
        """The next honest frame, or one that differs."""
        watts = self.dice.choices(range(200, 900), k=SERVERS)
        power = pack_fixed(np.array(watts, np.float32), 0.1)
        told: dict[str, object] = {
            "site_id": "lanzhou",
            "agent_id": "1",
            "epoch": 7,
            "sequence": self.stream.decided_through + 1 + ahead,
            "server_set_revision": 1,
            "observed_at_ms": NOW_MS,
            "period_ms": 10_000,
            "count": SERVERS,
            "columns": [pb.Column(metric=1, **power._asdict())],
            "previous_digest": self.stream.head,
        }
        return pb.Frame(**{**told, **changed}).SerializeToString(deterministic=True)

    def push(self, *frames: pb.SignedFrame) -> Decided:
        """Over a connection that was told to go on behind what is decided."""
        peer = Peer(KEY, "agent", "agent", self.stream.decided_through + 1)
        around = Circumstances(peer, SITE, BOUNDS, NOW_MS, lambda *_: ["r1"])
        decided = decide(self.stream, [self.authenticator.read(one) for one in frames], around)
        self.stream = decided.stream
        return decided

    def honest(self) -> None:
        frame = signed(self.data())
        decided = self.push(frame)
        assert decided.refused == [] and len(decided.accepted) == 1
        self.seen = [*self.seen[-50:], frame]


def _stated(key: PrivateKey, first: int) -> StatedKey:
    return StatedKey(key.key_id, key.algorithm.value, key.public_der(), first, 0, "c" * 64)


def flip(siege: Siege) -> tuple[list[pb.SignedFrame], set[Reason]]:
    frame = signed(siege.data())
    part = siege.dice.choice(["frame", "signature"])
    data = bytearray(getattr(frame, part))
    data[siege.dice.randrange(len(data))] ^= 1 << siege.dice.randrange(8)
    setattr(frame, part, bytes(data))
    return [frame], UNREADABLE


def truncate(siege: Siege) -> tuple[list[pb.SignedFrame], set[Reason]]:
    frame = signed(siege.data())
    part = siege.dice.choice(["frame", "signature"])
    whole = getattr(frame, part)
    setattr(frame, part, whole[: siege.dice.randrange(len(whole))])
    return [frame], UNREADABLE


def splice(siege: Siege) -> tuple[list[pb.SignedFrame], set[Reason]]:
    frame, old = signed(siege.data()), siege.dice.choice(siege.seen)
    cut = siege.dice.randrange(1, min(len(frame.frame), len(old.frame)))
    frame.frame = frame.frame[:cut] + old.frame[cut:]
    # Halves that are equal make the whole frame again: then only its signature is another's.
    frame.signature = old.signature
    return [frame], UNREADABLE


def steal_signature(siege: Siege) -> tuple[list[pb.SignedFrame], set[Reason]]:
    frame = signed(siege.data())
    frame.signature = siege.dice.choice(siege.seen).signature
    return [frame], {Reason.SIGNATURE}


def wrong_key(siege: Siege) -> tuple[list[pb.SignedFrame], set[Reason]]:
    key_id = siege.dice.choice([OTHER.key_id, OWN.key_id, "", "x" * 10_000])
    return [signed(siege.data(ahead=siege.dice.randrange(3)), OTHER, key_id)], {Reason.SIGNATURE}


def certificate_again(siege: Siege) -> tuple[list[pb.SignedFrame], set[Reason]]:
    """The key of the certificate, though a key was stated since."""
    return [signed(siege.data(), CERTIFICATE)], {Reason.SIGNATURE}


def wrong_algorithm(siege: Siege) -> tuple[list[pb.SignedFrame], set[Reason]]:
    frame = signed(siege.data())
    frame.algorithm = pb.SignatureAlgorithm.ValueType(siege.dice.choice([0, 1]))
    return [frame], {Reason.SIGNATURE}


def cross_site(siege: Siege) -> tuple[list[pb.SignedFrame], set[Reason]]:
    changed = siege.dice.choice([{"site_id": "qingyang"}, {"agent_id": "2"}, {"site_id": ""}])
    return [signed(siege.data(**changed))], {Reason.WRONG_SITE}


def other_epoch(siege: Siege) -> tuple[list[pb.SignedFrame], set[Reason]]:
    return [signed(siege.data(epoch=siege.dice.choice([0, 6, 8])))], {Reason.REPLAYED}


def replay(siege: Siege) -> tuple[list[pb.SignedFrame], set[Reason]]:
    return [siege.dice.choice(siege.seen)], {Reason.REPLAYED}


def replay_resigned(siege: Siege) -> tuple[list[pb.SignedFrame], set[Reason]]:
    return [signed(siege.dice.choice(siege.seen).frame, OTHER)], {Reason.REPLAYED}


def reorder(siege: Siege) -> tuple[list[pb.SignedFrame], set[Reason]]:
    """The later frame is good; the one held back comes when its number is a gap already."""
    held, passed = signed(siege.data()), signed(siege.data(ahead=1))
    decided = siege.push(passed)
    assert len(decided.accepted) == 1
    siege.seen.append(passed)
    return [held], {Reason.OUT_OF_ORDER}


def clock_shift(siege: Siege) -> tuple[list[pb.SignedFrame], set[Reason]]:
    shift_ms = siege.dice.choice([BOUNDS.early_ms + 1, -BOUNDS.late_ms - 1, -NOW_MS, 1 << 60])
    return [signed(siege.data(observed_at_ms=NOW_MS + shift_ms))], {Reason.CLOCK}


def broken_chain(siege: Siege) -> tuple[list[pb.SignedFrame], set[Reason]]:
    return [signed(siege.data(previous_digest=siege.dice.randbytes(32)))], {Reason.CHAIN}


def bad_column(siege: Siege) -> tuple[list[pb.SignedFrame], set[Reason]]:
    column = siege.dice.choice(
        [
            pb.Column(metric=1, values=BOMB, encoding=1, scale=1, values_bytes=2 * SERVERS),
            pb.Column(metric=1, values=BOMB, encoding=1, scale=1, values_bytes=1 << 24),
            pb.Column(metric=1, values=bytes(2 * SERVERS), encoding=1, scale=float("nan")),
            pb.Column(metric=1, values=bytes(2 * SERVERS), encoding=7, scale=1),
            pb.Column(metric=99, values=bytes(4 * SERVERS)),
        ]
    )
    return [signed(siege.data(columns=[column]))], {Reason.MALFORMED}


def lie(siege: Siege) -> tuple[list[pb.SignedFrame], set[Reason]]:
    watts = np.full(SERVERS, siege.dice.choice([-5, 1e9, np.inf, np.nan]), "<f4").tobytes()
    return [signed(siege.data(columns=[pb.Column(metric=1, values=watts)]))], {Reason.IMPLAUSIBLE}


def too_large(siege: Siege) -> tuple[list[pb.SignedFrame], set[Reason]]:
    return [signed(bytes(512 * 1024 + 1))], {Reason.TOO_LARGE}


SIMPLE: list[Attack] = [flip, truncate, splice, steal_signature, wrong_key, certificate_again]
SIMPLE += [wrong_algorithm, cross_site, other_epoch, replay, replay_resigned, reorder]
SIMPLE += [clock_shift, broken_chain, bad_column, lie]


def test_every_attack_is_refused_for_its_reason_and_told() -> None:
    siege, told = Siege(20_261_121), Counter[str]()
    for number in range(ATTACKS):
        siege.honest()
        attack = too_large if number % 200 == 0 else siege.dice.choice(SIMPLE)
        frames, reasons = attack(siege)
        decided = siege.push(*frames)

        assert decided.accepted == [], attack.__name__
        assert [one.refusal.reason in reasons for one in decided.refused] == [True], attack.__name__
        [suspicion] = decided.suspicions
        assert suspicion_event(suspicion, NOW_MS).event_id
        told[suspicion.refusal.reason.name] += 1
    siege.honest()

    assert told.total() == ATTACKS
    assert len(told) == len(Reason) - 2
    stream = siege.stream
    assert stream.accepted + stream.refused + stream.missing == stream.decided_through
    assert sm3(siege.seen[-1].frame) == stream.head
