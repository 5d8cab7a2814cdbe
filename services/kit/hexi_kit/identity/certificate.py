"""Reads a peer's certificate: which principal, valid until when."""

from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from hexi_kit.errors import Unauthenticated
from hexi_kit.identity.principal import Principal, parse_spiffe


@dataclass(frozen=True)
class PeerCertificate:
    """What a verified certificate says; dates are checked at every call, not once."""

    principal: Principal
    not_before_ms: int
    not_after_ms: int

    def require_valid(self, now_ms: int) -> None:
        if now_ms >= self.not_after_ms:
            raise Unauthenticated(f"certificate of {self.principal} has expired")
        if now_ms < self.not_before_ms:
            raise Unauthenticated(f"certificate of {self.principal} is not valid yet")


def read_certificate(certificate: x509.Certificate) -> PeerCertificate:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        uris = names.value.get_values_for_type(x509.UniformResourceIdentifier)
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError) as error:
        raise Unauthenticated("certificate names no SPIFFE id") from error
    if len(uris) != 1:
        raise Unauthenticated(f"expected exactly one URI in the certificate, was {len(uris)}")
    return PeerCertificate(
        parse_spiffe(uris[0]),
        _ms(certificate.not_valid_before_utc),
        _ms(certificate.not_valid_after_utc),
    )


def _ms(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000
