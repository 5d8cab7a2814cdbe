"""Goal: which key signs which number is never in doubt, and no statement breaks its reader. Method:
examples of rings, and statements changed field by field and byte by byte."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hexi.telemetry.v1 import telemetry_pb2 as pb
from hexi_kit.ids import seeded
from hexi_kit.keys import Algorithm, PrivateKey, PublicKey
from hexi_telemetry.domain.frame import Reason, Refusal
from hexi_telemetry.domain.keys import KEYS_MAX, KeyRing, StatedKey, Statement
from hexi_telemetry.domain.stream import StreamKey
from hexi_telemetry.wire.keys import public_key, read_statement

STREAM = StreamKey("lanzhou", "1", 7)
OWN, CERTIFICATE = PrivateKey.generate(Algorithm.SM2_SM3), PrivateKey.generate(Algorithm(1))
VOUCHER = PublicKey.load(CERTIFICATE.algorithm, CERTIFICATE.public_der())


def stated(number: int, first: int, certificate: str = "c") -> StatedKey:
    return StatedKey(f"key {number}", 2, b"", first, number, certificate)


def ring(*firsts: int) -> KeyRing:
    return KeyRing(tuple(stated(n, first) for n, first in enumerate(firsts)))


def reason(refusal: KeyRing | Refusal | Statement | None) -> Reason:
    assert isinstance(refusal, Refusal)
    return refusal.reason


def test_each_number_has_one_key_and_the_first_ones_the_certificates() -> None:
    keys = ring(3, 6)

    assert [keys.of(n) and keys.of(n).key_id for n in (2, 3, 5, 6, 9)] == [
        None, "key 0", "key 0", "key 1", "key 1",
    ]  # fmt: skip
    assert keys.refuses(2, "certificate", frozenset()) is None
    assert reason(keys.refuses(2, "key 0", frozenset())) is Reason.SIGNATURE
    assert keys.refuses(5, "key 0", frozenset({"c"})) is None
    assert reason(keys.refuses(5, "key 1", frozenset())) is Reason.SIGNATURE
    assert reason(keys.refuses(6, "certificate", frozenset())) is Reason.SIGNATURE
    assert reason(keys.refuses(6, "key 1", frozenset({"d"}))) is Reason.SIGNATURE


def test_a_later_statement_replaces_what_has_not_signed_yet() -> None:
    replaced = ring(1, 9).add(stated(5, 6), decided_through=5)

    assert [key.key_id for key in replaced] == ["key 0", "key 5"]


def test_numbers_that_are_decided_keep_their_key() -> None:
    assert reason(ring(1).add(stated(5, 5), decided_through=5)) is Reason.REPLAYED
    assert reason(ring(1, 9).add(stated(1, 12), decided_through=5)) is Reason.REPLAYED


def test_a_statement_made_again_changes_only_who_vouches() -> None:
    keys = ring(1, 4)

    assert keys.add(stated(0, 1), decided_through=50) == keys
    renewed = keys.add(stated(0, 1, "renewed"), decided_through=50)
    assert [key.certificate_id for key in renewed] == ["renewed", "c"]


def test_a_ring_forgets_what_nobody_sends_again_and_is_bounded() -> None:
    assert [key.from_sequence for key in ring(1, 10, 20).since(10)] == [10, 20]
    assert ring(1, 10).since(9) == ring(1, 10)
    full = ring(*range(1, KEYS_MAX + 1))
    assert reason(full.add(stated(999, 1_000), decided_through=0)) is Reason.IMPLAUSIBLE


GOOD = pb.KeyStatement(
    site_id="lanzhou",
    agent_id="1",
    epoch=7,
    algorithm=pb.SIGNATURE_ALGORITHM_SM2_SM3,
    public_key=OWN.public_der(),
    from_sequence=1,
    stated_at_ms=5,
)


def signed(**changed: object) -> pb.SignedKeyStatement:
    message = pb.KeyStatement()
    message.CopyFrom(GOOD)
    for name, value in changed.items():
        setattr(message, name, value)
    data = message.SerializeToString(deterministic=True)
    return pb.SignedKeyStatement(statement=data, signature=CERTIFICATE.sign(data))


LIES = [
    ({"site_id": "qingyang"}, Reason.WRONG_SITE),
    ({"agent_id": "2"}, Reason.WRONG_SITE),
    ({"epoch": 8}, Reason.REPLAYED),
    ({"algorithm": 0}, Reason.MALFORMED),
    ({"algorithm": 9}, Reason.MALFORMED),
    ({"algorithm": 1}, Reason.MALFORMED),
    ({"public_key": b""}, Reason.MALFORMED),
    ({"public_key": b"x" * 900}, Reason.MALFORMED),
    ({"public_key": b"x" * 9_000}, Reason.TOO_LARGE),
    ({"from_sequence": 0}, Reason.MALFORMED),
    ({"from_sequence": 2**63}, Reason.MALFORMED),
    ({"stated_at_ms": -1}, Reason.MALFORMED),
]


@pytest.mark.parametrize(("lie", "expected"), LIES, ids=lambda value: str(value)[:40])
def test_each_lie_of_a_statement_has_its_reason(lie: dict, expected: Reason) -> None:
    assert reason(read_statement(signed(**lie), STREAM, VOUCHER)) is expected


def test_an_honest_statement_is_read_as_it_was_meant() -> None:
    read = read_statement(signed(), STREAM, VOUCHER)

    assert isinstance(read, Statement)
    assert read.key == StatedKey(
        OWN.key_id, 2, OWN.public_der(), 1, 5, certificate_id=VOUCHER.key_id
    )
    assert public_key(read.key).has_signed(b"frame", OWN.sign(b"frame"))
    assert replace(read.key, certificate_id="other").says_the_same(read.key)


def test_no_changed_statement_is_believed() -> None:
    dice, honest = seeded(5), signed()
    for _ in range(500):
        part = dice.choice(["statement", "signature"])
        data = bytearray(getattr(honest, part))
        data[dice.randrange(len(data))] ^= dice.randint(1, 255)
        forged = pb.SignedKeyStatement(**{
            "statement": honest.statement, "signature": honest.signature, part: bytes(data)
        })  # fmt: skip
        assert reason(read_statement(forged, STREAM, VOUCHER)) is Reason.SIGNATURE
