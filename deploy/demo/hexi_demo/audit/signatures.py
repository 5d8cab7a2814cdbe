"""Every frame in the log is proven by the log alone: its key was stated by an admitted agent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from hexi.telemetry.v1 import telemetry_pb2
from hexi_kit.identity.certificate import read_certificate
from hexi_kit.keys import Algorithm, PublicKey
from hexi_kit.signing import is_signed_by

from hexi_demo.audit.check import Check, check
from hexi_demo.audit.frames import Stream
from hexi_demo.audit.log import Entry


@dataclass(frozen=True, slots=True)
class Proof:
    """One stated key: of the statements for a number, the one stated last holds."""

    from_sequence: int
    stated_at_ms: int
    key: PublicKey


def checks(statements: Iterable[Entry], frames: Sequence[Entry], authority: bytes) -> list[Check]:
    """`authority` is the certificate that every agent's certificate leads to."""
    proofs: defaultdict[Stream, list[Proof]] = defaultdict(list)
    wrong: list[str] = []
    for entry in statements:
        if isinstance(entry.value, telemetry_pb2.SignedKeyStatement):
            try:
                stream, proof = _proof(entry.value, authority)
            except (ValueError, InvalidSignature) as error:
                wrong.append(f"{entry.key}: a statement proves nothing: {error}")
                continue
            proofs[stream].append(proof)
    signed = [e.value for e in frames if isinstance(e.value, telemetry_pb2.SignedFrame)]
    wrong += [said for one in signed if (said := _refuted(one, proofs))]
    stated = sum(len(of_stream) for of_stream in proofs.values())
    counted = f"{len(signed)} frames proven by {stated} stated keys"
    name = "every frame is signed by a key its agent stated"
    return [check(name, counted, wrong, seen=len(signed))]


def _proof(signed: telemetry_pb2.SignedKeyStatement, authority: bytes) -> tuple[Stream, Proof]:
    """What a statement proves, or ValueError or InvalidSignature."""
    certificate = x509.load_pem_x509_certificate(signed.certificate)
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(authority))
    own, said = certificate.public_key(), telemetry_pb2.KeyStatement.FromString(signed.statement)
    agent = read_certificate(certificate).principal
    if (agent.scope, agent.name) != (said.site_id, said.agent_id):
        raise ValueError(f"{agent} vouches for {said.site_id}/{said.agent_id}")
    if not isinstance(own, ec.EllipticCurvePublicKey):
        raise ValueError(f"{agent} has no key that could vouch")
    if not is_signed_by(own, signed.signature, signed.statement):
        raise ValueError(f"{agent} did not sign it")
    key = PublicKey.load(Algorithm(said.algorithm), said.public_key)
    proof = Proof(said.from_sequence, said.stated_at_ms, key)
    return (said.site_id, said.agent_id, said.epoch), proof


def _refuted(signed: telemetry_pb2.SignedFrame, proofs: Mapping[Stream, list[Proof]]) -> str:
    frame = telemetry_pb2.Frame.FromString(signed.frame)
    stream = (frame.site_id, frame.agent_id, frame.epoch)
    of_number = [p for p in proofs.get(stream, ()) if p.from_sequence <= frame.sequence]
    if not of_number:
        return f"{stream}: nobody stated a key for {frame.sequence}"
    key = max(of_number, key=lambda proof: proof.stated_at_ms).key
    if signed.key_id == key.key_id and key.has_signed(signed.frame, signed.signature):
        return ""
    return f"{stream}: {frame.sequence} is not signed by its key {key.key_id}"
