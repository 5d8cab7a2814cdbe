"""Who calls: a principal, read strictly out of a SPIFFE id."""

import re
from dataclasses import dataclass
from typing import Literal, cast, get_args

from hexi_kit.errors import Unauthenticated

Kind = Literal["service", "agent", "tenant", "trader", "soc", "operator", "supervisor"]
_TRUST_DOMAIN = "spiffe://hexi/"
_WORD = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
_PATHS = tuple(
    re.compile(path.replace("WORD", _WORD))
    for path in (
        r"(?P<kind>service)/(?P<name>WORD)",
        r"site/(?P<scope>WORD)/(?P<kind>agent)/(?P<name>WORD)",
        r"(?P<kind>tenant|trader)/(?P<scope>WORD)/user/(?P<name>WORD)",
        r"(?P<kind>soc|operator|supervisor)/(?P<name>WORD)",
    )
)


@dataclass(frozen=True)
class Principal:
    """`scope` is the site of an agent, the tenant of a user, the account of a trader."""

    kind: Kind
    name: str
    scope: str = ""

    @property
    def uri(self) -> str:
        match self.kind:
            case "agent":
                path = f"site/{self.scope}/agent/{self.name}"
            case "tenant" | "trader":
                path = f"{self.kind}/{self.scope}/user/{self.name}"
            case _:
                path = f"{self.kind}/{self.name}"
        return _TRUST_DOMAIN + path

    def __str__(self) -> str:
        return self.uri


def parse_spiffe(uri: str) -> Principal:
    """Read one of our ids; anything odd is refused, nothing is repaired."""
    if uri.startswith(_TRUST_DOMAIN):
        for path in _PATHS:
            if match := path.fullmatch(uri, len(_TRUST_DOMAIN)):
                found = match.groupdict()
                return Principal(cast(Kind, found["kind"]), found["name"], found.get("scope", ""))
    raise Unauthenticated(f"expected a SPIFFE id of this province, was {uri[:120]!r}")


def kinds() -> tuple[str, ...]:
    """All kinds of principals there are."""
    return get_args(Kind)
