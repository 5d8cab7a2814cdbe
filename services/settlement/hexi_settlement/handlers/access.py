"""Whose account and whose invoice it is; what a caller may call at all, the policies say."""

from __future__ import annotations

from hexi_kit.errors import NotFound, PermissionDenied
from hexi_kit.identity import Principal

from hexi_settlement.domain.account import Account
from hexi_settlement.ports import LedgerReader

OWN_ACCOUNT = "settlement-own-account"
OWN_INVOICE = "settlement-own-invoice"


async def account_for(
    reader: LedgerReader, principal: Principal, account_id: str
) -> tuple[Account, int]:
    """The account, for its owner, its trader, or those who oversee all."""
    found = await reader.account(account_id)
    match principal.kind:
        case "trader":
            allowed = account_id == principal.scope
        case "tenant":
            # Strangers learn nothing: an account that is not there is not theirs either.
            owner = found[0].owner if found else account_id
            allowed = owner == principal.scope
        case _:
            allowed = True
    if not allowed:
        raise PermissionDenied(OWN_ACCOUNT, f"{account_id} is not an account of {principal}")
    if found is None:
        raise NotFound("account", account_id)
    return found


async def check_invoice(reader: LedgerReader, principal: Principal, tenant_id: str) -> None:
    """Tenants see their own; a trader sees that of the account's owner."""
    owner = principal.scope
    if principal.kind == "trader":
        found = await reader.account(principal.scope)
        owner = found[0].owner if found else ""
    if principal.kind in ("tenant", "trader") and owner != tenant_id:
        raise PermissionDenied(OWN_INVOICE, f"{tenant_id} is not the tenant of {principal}")
