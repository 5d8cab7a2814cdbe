"""Checks the certificate an agent shows for its keys: ours, in date, and of this very agent."""

from __future__ import annotations

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from hexi_kit.clock import Clock
from hexi_kit.errors import InvalidArgument, PermissionDenied, Unauthenticated, Violation
from hexi_kit.identity import Principal
from hexi_kit.identity.certificate import read_certificate
from hexi_kit.keys import Algorithm, PublicKey

OWN_KEY = "telemetry-own-key"
PEM_BYTES_MAX = 16 * 1024


class Certificates:
    """Trusts what our authority issued; dates go by real time."""

    def __init__(self, authority_pem: bytes, real_clock: Clock) -> None:
        self._authority = x509.load_pem_x509_certificate(authority_pem)
        self._clock = real_clock

    def require(
        self, pem: bytes, principal: Principal, where: str = "hello.certificate"
    ) -> PublicKey:
        """Its key, named by the certificate's fingerprint."""
        if len(pem) > PEM_BYTES_MAX:
            raise _bad(where, f"expected at most {PEM_BYTES_MAX} bytes, was {len(pem)}")
        try:
            certificate = x509.load_pem_x509_certificate(pem)
            certificate.verify_directly_issued_by(self._authority)
            key = certificate.public_key()
        except InvalidSignature as error:
            raise PermissionDenied(OWN_KEY, "the certificate is of another authority") from error
        except (ValueError, TypeError) as error:
            raise _bad(where, "expected a PEM certificate of our authority") from error
        try:
            named = read_certificate(certificate)
        except Unauthenticated as error:
            raise _bad(where, error.reason) from error
        if named.principal != principal:
            reason = f"expected the certificate of {principal}, was of {named.principal}"
            raise PermissionDenied(OWN_KEY, reason)
        named.require_valid(self._clock.now_ms())
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise _bad(where, "expected an elliptic curve key")
        name = certificate.fingerprint(hashes.SHA256()).hex()
        return PublicKey(Algorithm.ECDSA_P256_SHA256, key, name)


def _bad(where: str, reason: str) -> InvalidArgument:
    return InvalidArgument([Violation(where, reason)])
