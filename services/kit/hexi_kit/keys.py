"""Keys that sign and the algorithms they sign with: SM2 with SM3, or ECDSA P-256 with SHA-256."""

from __future__ import annotations

from enum import IntEnum
from functools import cached_property
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tongsuopy.crypto import exceptions as sm_exceptions
from tongsuopy.crypto import hashes as sm_hashes
from tongsuopy.crypto import serialization as sm_serialization
from tongsuopy.crypto.asymciphers import ec as sm_ec

from hexi_kit.signing import is_signed_by, load_signing_key, sign, sm3

SIGNATURE_BYTES_MAX = 128
PUBLIC_KEY_BYTES_MAX = 256
# Signs under the id 1234567812345678, as the standard has it where nobody agreed on another.
_SM2_SM3 = sm_ec.ECDSA(sm_hashes.SM3())


class Algorithm(IntEnum):
    """Numbers are those of the wire."""

    ECDSA_P256_SHA256 = 1
    SM2_SM3 = 2


_FORMS: dict[Algorithm, Any] = {
    Algorithm.ECDSA_P256_SHA256: serialization,
    Algorithm.SM2_SM3: sm_serialization,
}


class PublicKey:
    """Verifies; `key_id` is SM3 over the DER, hex, unless whoever vouches for it says otherwise."""

    def __init__(self, algorithm: Algorithm, key: Any, key_id: str) -> None:
        self.algorithm, self.key_id = algorithm, key_id
        self._key = key

    @classmethod
    def load(cls, algorithm: Algorithm, der: bytes) -> PublicKey:
        """A SubjectPublicKeyInfo of this algorithm's curve, in its one DER form, or ValueError."""
        key = _load_sm2(der) if algorithm is Algorithm.SM2_SM3 else _load_p256(der)
        return cls(algorithm, key, sm3(der).hex())

    def has_signed(self, data: bytes, signature: bytes) -> bool:
        if len(signature) > SIGNATURE_BYTES_MAX:
            return False
        if self.algorithm is Algorithm.ECDSA_P256_SHA256:
            return is_signed_by(self._key, signature, data)
        try:
            self._key.verify(signature, data, _SM2_SM3)
        except (sm_exceptions.InvalidSignature, sm_exceptions.InternalError):
            # What is no DER at all is an internal error to this library.
            return False
        return True


class PrivateKey:
    """Signs with the algorithm it was made for."""

    def __init__(self, algorithm: Algorithm, key: Any) -> None:
        self.algorithm, self._key = algorithm, key

    @classmethod
    def generate(cls, algorithm: Algorithm) -> PrivateKey:
        if algorithm is Algorithm.SM2_SM3:
            return cls(algorithm, sm_ec.generate_private_key(sm_ec.SM2()))
        return cls(algorithm, ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def load(cls, algorithm: Algorithm, pem: bytes) -> PrivateKey:
        """A key written by `pem`, or ValueError."""
        try:
            if algorithm is Algorithm.ECDSA_P256_SHA256:
                return cls(algorithm, load_signing_key(pem))
            return cls(algorithm, sm_serialization.load_pem_private_key(pem, None))
        except (UnsupportedAlgorithm, sm_exceptions.UnsupportedAlgorithm) as error:
            raise ValueError(f"expected a key for {algorithm.name}, was another") from error

    def pem(self) -> bytes:
        """PKCS 8, not encrypted: for a file that only its owner may read."""
        form = _FORMS[self.algorithm]
        kind, plain = form.PrivateFormat.PKCS8, form.NoEncryption()
        return bytes(self._key.private_bytes(form.Encoding.PEM, kind, plain))

    @cached_property
    def key_id(self) -> str:
        return sm3(self.public_der()).hex()

    def public_der(self) -> bytes:
        form = _FORMS[self.algorithm]
        kind = form.PublicFormat.SubjectPublicKeyInfo
        return bytes(self._key.public_key().public_bytes(form.Encoding.DER, kind))

    def sign(self, data: bytes) -> bytes:
        """DER."""
        if self.algorithm is Algorithm.ECDSA_P256_SHA256:
            return sign(self._key, data)
        return bytes(self._key.sign(data, _SM2_SM3))


def _load_sm2(der: bytes) -> Any:
    try:
        key = sm_serialization.load_der_public_key(_bounded(der))
        form = sm_serialization
        again = key.public_bytes(form.Encoding.DER, form.PublicFormat.SubjectPublicKeyInfo)
        curve = key.curve.name
    except (sm_exceptions.InternalError, sm_exceptions.UnsupportedAlgorithm, AttributeError) as e:
        raise ValueError("expected a public key on the curve of SM2") from e
    if curve != sm_ec.SM2.name or again != der:
        raise ValueError("expected a public key on the curve of SM2, in DER")
    return key


def _load_p256(der: bytes) -> Any:
    try:
        key = serialization.load_der_public_key(_bounded(der))
    except UnsupportedAlgorithm as error:
        raise ValueError("expected a public key on the curve P-256") from error
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    is_p256 = isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)
    if not is_p256 or key.public_bytes(serialization.Encoding.DER, form) != der:
        raise ValueError("expected a public key on the curve P-256, in DER")
    return key


def _bounded(der: bytes) -> bytes:
    if len(der) > PUBLIC_KEY_BYTES_MAX:
        raise ValueError(f"expected at most {PUBLIC_KEY_BYTES_MAX} bytes of key, was {len(der)}")
    return der
