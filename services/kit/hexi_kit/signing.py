"""What agents sign and telemetry verifies: digests, signatures and the names of keys."""

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

_ECDSA = ec.ECDSA(hashes.SHA256())
SM3_BYTES = 32


def sm3(data: bytes) -> bytes:
    """The digest frames are chained with."""
    digest = hashes.Hash(hashes.SM3())
    digest.update(data)
    return digest.finalize()


def fingerprint(certificate_pem: bytes) -> str:
    """SHA-256 over the certificate's DER, lower-case hex: the name of its key."""
    return x509.load_pem_x509_certificate(certificate_pem).fingerprint(hashes.SHA256()).hex()


def load_signing_key(key_pem: bytes) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(key_pem, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError(f"expected an elliptic curve key, was {type(key).__name__}")
    return key


def sign(key: ec.EllipticCurvePrivateKey, data: bytes) -> bytes:
    """ECDSA over SHA-256, DER."""
    return key.sign(data, _ECDSA)


def is_signed_by(key: ec.EllipticCurvePublicKey, signature: bytes, data: bytes) -> bool:
    try:
        key.verify(signature, data, _ECDSA)
    except InvalidSignature:
        return False
    return True
