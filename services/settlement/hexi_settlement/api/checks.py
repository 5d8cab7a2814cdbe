"""What is wrong with a request, field by field, before anything looks at the ledger."""

from __future__ import annotations

from hexi.settlement.v1 import settlement_pb2 as pb
from hexi.settlement.v1 import settlement_service_pb2 as rpc
from hexi_kit.rpc.validate import Violations

from hexi_settlement.domain.calendar import is_month

# A hundred billion yuan: more than the platform will ever see at once, far inside 64 bits.
AMOUNT_FEN_MAX = 10_000_000_000_000
KEY_CHARS_MAX = 128
SUBJECT_CHARS_MAX = 128
PAGE_SIZE_MAX = 500
PAGE_SIZE_DEFAULT = 100
OPENED_BY_HAND = (pb.ACCOUNT_KIND_CUSTOMER, pb.ACCOUNT_KIND_PROVIDER)


def open_account(request: rpc.OpenAccountRequest) -> None:
    found = Violations()
    _key(found, request.idempotency_key)
    # A colon marks the accounts that the ledger opens for itself.
    if found.identifier("account_id", request.account_id):
        found.require(":" not in request.account_id, "account_id", "expected a name without ':'")
    found.require(request.kind in OPENED_BY_HAND, "kind", "expected CUSTOMER or PROVIDER")
    _printable(found, "owner", request.owner, SUBJECT_CHARS_MAX)
    found.raise_if_any()


def deposit(request: rpc.DepositRequest) -> None:
    found = Violations()
    _key(found, request.idempotency_key)
    _account(found, request.account_id)
    found.bounded("amount_fen", request.amount_fen, 1, AMOUNT_FEN_MAX)
    found.raise_if_any()


def place_hold(request: rpc.PlaceHoldRequest) -> None:
    found = Violations()
    _key(found, request.idempotency_key)
    _account(found, request.account_id)
    found.bounded("amount_fen", request.amount_fen, 1, AMOUNT_FEN_MAX)
    _printable(found, "subject", request.subject, SUBJECT_CHARS_MAX)
    found.raise_if_any()


def release_hold(request: rpc.ReleaseHoldRequest) -> None:
    found = Violations()
    _key(found, request.idempotency_key)
    found.identifier("hold_id", request.hold_id)
    found.raise_if_any()


def get_account(request: rpc.GetAccountRequest) -> None:
    found = Violations()
    _account(found, request.account_id)
    found.raise_if_any()


def list_transfers(request: rpc.ListTransfersRequest) -> tuple[int, int]:
    """The sequence to go on after, and how many."""
    found = Violations()
    _account(found, request.account_id)
    found.bounded("page_size", request.page_size, 0, PAGE_SIZE_MAX)
    token = request.page_token
    readable = not token or (token.isascii() and token.isdigit() and len(token) <= 18)
    found.require(readable, "page_token", "expected a token of an answer before")
    found.raise_if_any()
    return int(token or 0), request.page_size or PAGE_SIZE_DEFAULT


def get_invoice(request: rpc.GetInvoiceRequest) -> None:
    found = Violations()
    _printable(found, "tenant_id", request.tenant_id, SUBJECT_CHARS_MAX)
    found.require(is_month(request.month), "month", f"expected yyyy-mm, was {request.month[:20]!r}")
    found.raise_if_any()


def _key(found: Violations, key: str) -> None:
    _printable(found, "idempotency_key", key, KEY_CHARS_MAX)


def _account(found: Violations, account_id: str) -> None:
    _printable(found, "account_id", account_id, SUBJECT_CHARS_MAX)


def _printable(found: Violations, field: str, text: str, chars_max: int) -> None:
    if found.text(field, text, chars_max):
        found.require(text.isprintable(), field, "expected printable characters")
