"""A process's own certificate and key, and whom it trusts."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Identity:
    """Three files; read when used, so a renewed certificate counts from the next use."""

    cert_path: Path
    key_path: Path
    ca_path: Path

    @classmethod
    def load(cls, pki_dir: Path, name: str) -> "Identity":
        """The identity issued under this name; missing files are named."""
        own = pki_dir / name
        identity = cls(own / "cert.pem", own / "key.pem", pki_dir / "ca.pem")
        for path in (identity.cert_path, identity.key_path, identity.ca_path):
            if not path.is_file():
                raise FileNotFoundError(f"identity {name!r}: expected {path}, was not there")
        return identity

    def certificate(self) -> bytes:
        return self.cert_path.read_bytes()

    def key(self) -> bytes:
        return self.key_path.read_bytes()

    def authority(self) -> bytes:
        return self.ca_path.read_bytes()
