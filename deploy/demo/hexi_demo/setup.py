"""Registers and admits the province's sites and opens everyone's accounts."""

from __future__ import annotations

from collections.abc import Sequence

from hexi.inventory.v1 import inventory_pb2
from hexi.inventory.v1 import inventory_service_pb2 as inventory
from hexi.settlement.v1 import settlement_pb2
from hexi.settlement.v1 import settlement_service_pb2 as settlement
from hexi_kit.signing import fingerprint

from hexi_demo.doors import Doors
from hexi_demo.identities import TRADERS
from hexi_demo.province import SiteFacts, site
from hexi_demo.requests import TENANTS

TENANT_DEPOSIT_FEN = 100_000_00
TRADER_DEPOSIT_FEN = 20_000_00


async def admit_sites(doors: Doors, servers: int, sites: Sequence[SiteFacts]) -> None:
    """Each bound to its agent's certificate: the operator applies, the supervisor approves."""
    operator = await doors.inventory("operator")
    supervisor = await doors.inventory("supervisor-desk")
    for facts in sites:
        bound = fingerprint(doors.cast.of(f"agent-{facts.site_id}").certificate())
        await operator.RegisterSite(
            inventory.RegisterSiteRequest(
                idempotency_key=f"demo-register-{facts.site_id}",
                site=site(facts, servers, bound),
            )
        )
        answer = await operator.ConformSite(
            inventory.ConformSiteRequest(
                idempotency_key=f"demo-conform-{facts.site_id}", site_id=facts.site_id
            )
        )
        refuse_unfit(facts, answer.admission)
        await supervisor.DecideAdmission(
            inventory.DecideAdmissionRequest(
                idempotency_key=f"demo-admit-{facts.site_id}",
                site_id=facts.site_id,
                state=inventory_pb2.ADMISSION_STATE_ADMITTED,
                reason="conforms to the access standard",
            )
        )


def refuse_unfit(facts: SiteFacts, admission: inventory_pb2.AdmissionChanged) -> None:
    failed = [f for f in admission.findings if not (f.passed or f.advisory)]
    if failed:
        first = failed[0]
        raise SystemExit(
            f"{facts.site_id} does not conform: {first.rule_id} is {first.value}, "
            f"limit {first.limit} {first.unit} since {first.effective_from}"
        )


async def open_accounts(doors: Doors) -> None:
    """Tenants and traders pay in; sites are paid into accounts of their own."""
    desk = await doors.settlement("operator")
    deposits = dict.fromkeys(TENANTS, TENANT_DEPOSIT_FEN) | dict.fromkeys(
        TRADERS, TRADER_DEPOSIT_FEN
    )
    for account, amount_fen in deposits.items():
        await desk.OpenAccount(
            settlement.OpenAccountRequest(
                idempotency_key=f"demo-open-{account}",
                account_id=account,
                kind=settlement_pb2.ACCOUNT_KIND_CUSTOMER,
                owner=account,
            )
        )
        await desk.Deposit(
            settlement.DepositRequest(
                idempotency_key=f"demo-deposit-{account}", account_id=account, amount_fen=amount_fen
            )
        )
