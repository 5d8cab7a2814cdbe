"""Agents see and say what is of their own site."""

from __future__ import annotations

from hexi_kit.errors import PermissionDenied
from hexi_kit.rpc.context import current_principal

OWN_SITE = "telemetry-own-site"


def require_may_read(site_id: str) -> None:
    """
    Raises:
        PermissionDenied: an agent asks about another site.
    """
    principal = current_principal()
    if principal.kind == "agent" and principal.scope != site_id:
        raise PermissionDenied(OWN_SITE, f"{principal} may not read of site {site_id[:128]}")
