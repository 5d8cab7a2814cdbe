"""The certificates of everyone who takes part in the demo."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hexi_kit.identity import Identity, LocalAuthority

from hexi_demo.province import ALL_SITES
from hexi_demo.requests import TENANTS

VALID_S = 2 * 86_400
TRADERS = ("trader-river", "trader-desert")


@dataclass(frozen=True, slots=True)
class Cast:
    """Everyone's identity by the name of their folder below the pki directory."""

    pki_dir: Path

    def of(self, name: str) -> Identity:
        return Identity.load(self.pki_dir, name)


def people() -> dict[str, str]:
    """Folder name → SPIFFE id of everyone but the services."""
    found = {
        "operator": "spiffe://hexi/operator/duty",
        "supervisor-desk": "spiffe://hexi/supervisor/desk",
        "soc": "spiffe://hexi/soc/desk",
    }
    found |= {f"tenant-{t}": f"spiffe://hexi/tenant/{t}/user/main" for t in TENANTS}
    found |= {t: f"spiffe://hexi/trader/{t}/user/main" for t in TRADERS}
    for facts in ALL_SITES:
        seller = f"operator-{facts.site_id}"
        found[seller] = f"spiffe://hexi/trader/{seller}/user/main"
        found[f"agent-{facts.site_id}"] = f"spiffe://hexi/site/{facts.site_id}/agent/1"
    return found


def issue(pki_dir: Path) -> Cast:
    authority = LocalAuthority(pki_dir)
    authority.ensure_ca()
    for name, uri in people().items():
        authority.issue(name, uri, common_name=name, valid_s=VALID_S)
    return Cast(pki_dir)
