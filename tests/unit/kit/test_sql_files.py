"""Named queries and migration files: what is a legal file, and what is refused."""

from __future__ import annotations

import pytest
from hexi_kit.db.migrate import OURS, migrations
from hexi_kit.db.queries import parse

GOOD = """-- All about accounts.
-- name: account_of
-- The account of a tenant, or nothing.
SELECT * FROM account WHERE tenant = $1;

-- name: accounts
-- Everything.
SELECT * FROM account;
"""


def test_queries_by_name() -> None:
    queries = parse(GOOD, "account.sql")

    assert sorted(queries) == ["account_of", "accounts"]
    assert queries.accounts.endswith("SELECT * FROM account;")
    assert queries["account_of"].startswith("-- The account")


def test_an_unknown_name_says_which_are_known() -> None:
    with pytest.raises(AttributeError, match="expected one of account_of, accounts, was acounts"):
        _ = parse(GOOD, "account.sql").acounts


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("SELECT 1", "to begin with"),
        ("SELECT 1\n-- name: one\n-- One.\nSELECT 1", "to begin with"),
        ("-- name: one\nSELECT 1", "a sentence below"),
        ("-- name: one\n-- One.\nSELECT 1\n-- name: one\n-- One.\nSELECT 1", "was two"),
    ],
)
def test_a_bad_file_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse(text, "bad.sql")


def test_our_own_migrations_are_legal() -> None:
    assert [migration.name for migration in migrations(OURS)] == ["0000_pre_inbox_outbox"]
