"""The local certificate authority: issues every identity of one installation."""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from hexi_kit.clock import Clock, SystemClock
from hexi_kit.identity.identity import Identity
from hexi_kit.identity.principal import Principal, parse_spiffe

_CA_VALID = timedelta(days=3_650)
_DAY_S = 86_400
_RENEW_BELOW_SHARE = 5  # renew when less than a fifth of the life is left
_BACKDATED = timedelta(minutes=5)


class LocalAuthority:
    """Safe to use from several processes: one lock file, every file replaced whole."""

    def __init__(self, directory: Path, clock: Clock | None = None) -> None:
        self._directory = directory
        self._clock = clock or SystemClock()

    def ensure_ca(self) -> Path:
        """Make the authority if it is not there; answer its certificate."""
        with self._locked():
            self._ca()
        return self._directory / "ca.pem"

    def issue(self, name: str, uri: str, common_name: str, valid_s: int = 30 * _DAY_S) -> Identity:
        """The identity under this name; what is good is kept, what nears its end is renewed."""
        principal = parse_spiffe(uri)
        with self._locked():
            ca_key, ca = self._ca()
            own = self._directory / name
            own.mkdir(mode=0o700, exist_ok=True)
            # The key outlives its certificates, so key and certificate never mismatch on disk.
            key = self._key(own / "key.pem")
            path = own / "cert.pem"
            if not self._is_good(path, key, ca, (uri, common_name, valid_s)):
                builder = self._builder(common_name, timedelta(seconds=valid_s))
                builder = builder.issuer_name(ca.subject).public_key(key.public_key())
                certificate = _with_usages(builder, principal, ca).sign(ca_key, hashes.SHA256())
                _replace(path, certificate.public_bytes(serialization.Encoding.PEM))
        return Identity(path, own / "key.pem", self._directory / "ca.pem")

    def _is_good(
        self,
        path: Path,
        key: ec.EllipticCurvePrivateKey,
        ca: x509.Certificate,
        wanted: tuple[str, str, int],
    ) -> bool:
        if not path.is_file():
            return False
        uri, common_name, valid_s = wanted
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        left = certificate.not_valid_after_utc - self._now()
        try:
            certificate.verify_directly_issued_by(ca)
        except Exception:  # noqa: BLE001 - edge: whatever is wrong with it, a new one is issued
            return False
        return (
            names.get_values_for_type(x509.UniformResourceIdentifier) == [uri]
            and certificate.subject == _subject(common_name)
            and certificate.public_key() == key.public_key()
            and left.total_seconds() * _RENEW_BELOW_SHARE > valid_s
        )

    def _ca(self) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
        key = self._key(self._directory / "ca-key.pem")
        path = self._directory / "ca.pem"
        if path.is_file():
            return key, x509.load_pem_x509_certificate(path.read_bytes())
        name = "Hexi local authority"
        certificate = (
            self._builder(name, _CA_VALID)
            .issuer_name(_subject(name))
            .public_key(key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(signs_certificates=True), critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
            .sign(key, hashes.SHA256())
        )
        _replace(path, certificate.public_bytes(serialization.Encoding.PEM))
        return key, certificate

    def _key(self, path: Path) -> ec.EllipticCurvePrivateKey:
        if path.is_file():
            key = serialization.load_pem_private_key(path.read_bytes(), None)
            assert isinstance(key, ec.EllipticCurvePrivateKey)
            return key
        key = ec.generate_private_key(ec.SECP256R1())
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        _replace(path, pem)
        return key

    def _builder(self, common_name: str, valid: timedelta) -> x509.CertificateBuilder:
        now = self._now()
        return (
            x509.CertificateBuilder()
            .subject_name(_subject(common_name))
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _BACKDATED)
            .not_valid_after(now + valid)
        )

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now_ms() / 1_000, UTC)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._directory.mkdir(parents=True, mode=0o700, exist_ok=True)
        with (self._directory / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _with_usages(
    builder: x509.CertificateBuilder, principal: Principal, ca: x509.Certificate
) -> x509.CertificateBuilder:
    names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(principal.uri)]
    usages = [ExtendedKeyUsageOID.CLIENT_AUTH]
    if principal.kind == "service":
        # Only services may answer as servers; an agent's key cannot pose as one.
        names += [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
        usages.append(ExtendedKeyUsageOID.SERVER_AUTH)
    key_id = ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    authority = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(key_id)
    return (
        builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(authority, critical=False)
    )


def _key_usage(signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _subject(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _replace(path: Path, data: bytes) -> None:
    """Write beside (made 0600), then rename: a reader sees the old file or the new one."""
    descriptor, beside = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    Path(beside).rename(path)
