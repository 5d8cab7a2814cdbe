"""Names for callers: principals, certificates, the local authority."""

from hexi_kit.identity.authority import LocalAuthority
from hexi_kit.identity.identity import Identity
from hexi_kit.identity.principal import Principal, parse_spiffe

__all__ = ["Identity", "LocalAuthority", "Principal", "parse_spiffe"]
