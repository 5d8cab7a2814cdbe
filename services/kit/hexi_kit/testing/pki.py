"""A throw-away authority with one identity of each kind."""

from dataclasses import dataclass
from pathlib import Path

from hexi_kit.clock import SystemClock
from hexi_kit.identity import Identity, LocalAuthority, Principal
from hexi_kit.testing.clock import ManualClock

DAY_MS = 86_400_000


@dataclass(frozen=True)
class Pki:
    """Issues on demand; a principal asked for twice gets the same files."""

    directory: Path

    def identity(self, principal: Principal) -> Identity:
        name = principal.uri.removeprefix("spiffe://hexi/").replace("/", "-")
        return LocalAuthority(self.directory).issue(name, principal.uri, principal.name)

    def service(self, name: str) -> Identity:
        uri = Principal("service", name).uri
        return LocalAuthority(self.directory).issue(name, uri, name)

    def expired(self, principal: Principal) -> Identity:
        """A certificate of the right authority whose day is over."""
        LocalAuthority(self.directory).ensure_ca()
        long_ago = ManualClock(SystemClock().now_ms() - 2 * DAY_MS)
        authority = LocalAuthority(self.directory, long_ago)
        return authority.issue(f"expired-{principal.kind}", principal.uri, "expired", 60)

    def foreign(self, principal: Principal) -> Identity:
        """A good-looking certificate of an authority nobody here trusts, which trusts ours."""
        LocalAuthority(self.directory).ensure_ca()
        elsewhere = self.directory / "elsewhere"
        issued = LocalAuthority(elsewhere).issue("foreign", principal.uri, "foreign")
        return Identity(issued.cert_path, issued.key_path, self.directory / "ca.pem")
