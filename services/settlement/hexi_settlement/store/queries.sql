-- name: lock_ledger
-- Become the one writer until the end of the transaction.
SELECT sequence, closed_through FROM ledger FOR UPDATE;

-- name: advance_ledger
-- The last sequence given out, and the last month closed.
UPDATE ledger SET sequence = $1, closed_through = $2;

-- name: holds
-- Holds by id.
SELECT hold_id, account_id, amount_fen, subject, tax_ppm, tax_rule, fee_ppm,
    traded_micro_yuan, state
FROM hold WHERE hold_id = ANY($1::text[]);

-- name: operators
-- Who operates these sites.
SELECT site_id, operator FROM site WHERE site_id = ANY($1::text[]);

-- name: accounts
-- These accounts, and all accounts of their owners and of these owners.
SELECT account_id, kind, owner, debits_fen, credits_fen, remainder_micro_yuan
FROM account
WHERE account_id = ANY($1::text[])
    OR owner = ANY($2::text[])
    OR owner IN (
        SELECT owner FROM account WHERE account_id = ANY($1::text[]) AND owner <> 'platform'
    );

-- name: transfers_by_id
-- Those of these transfers that are posted.
SELECT sequence, transfer_id, debit_account, credit_account, amount_fen, code, subject,
    posted_at_ms, traceparent
FROM transfer WHERE transfer_id = ANY($1::text[]);

-- name: usages_seen
-- Those of these usages that are rated.
SELECT usage_id FROM usage WHERE usage_id = ANY($1::text[]);

-- name: trades_seen
-- Those of these trades that are settled.
SELECT trade_id FROM trade WHERE trade_id = ANY($1::text[]);

-- name: bills
-- Open bills of these tenants, and all open bills up to a month.
SELECT tenant_id, month, tax_ppm, tax_rule, fee_ppm, total_micro_yuan, issued_at_ms
FROM bill WHERE month > $3 AND (tenant_id = ANY($1::text[]) OR month <= $2);

-- name: lines
-- These lines in every open month.
SELECT l.tenant_id, l.month, l.class_id, l.site_id, l.lease_id, l.price_micro_yuan,
    l.unit_ms, l.usages
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[])
    AS n (tenant_id, class_id, site_id, lease_id, price_micro_yuan)
JOIN bill_line l USING (tenant_id, class_id, site_id, lease_id, price_micro_yuan)
WHERE l.month > $6;

-- name: lines_through
-- All lines of open months up to a month.
SELECT tenant_id, month, class_id, site_id, lease_id, price_micro_yuan, unit_ms, usages
FROM bill_line WHERE month > $1 AND month <= $2;

-- name: save_accounts
-- Absolute values: the lock on the ledger makes them current.
INSERT INTO account (account_id, kind, owner, debits_fen, credits_fen, remainder_micro_yuan)
SELECT * FROM unnest($1::text[], $2::smallint[], $3::text[], $4::bigint[], $5::bigint[],
    $6::bigint[])
ON CONFLICT (account_id) DO UPDATE SET debits_fen = excluded.debits_fen,
    credits_fen = excluded.credits_fen, remainder_micro_yuan = excluded.remainder_micro_yuan;

-- name: save_transfers
-- Append transfers; an id posted before is a bug and undoes the transaction.
INSERT INTO transfer (sequence, transfer_id, debit_account, credit_account, amount_fen, code,
    subject, posted_at_ms, traceparent)
SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::bigint[],
    $6::smallint[], $7::text[], $8::bigint[], $9::text[]);

-- name: save_holds
-- New and changed holds.
INSERT INTO hold (hold_id, account_id, amount_fen, subject, tax_ppm, tax_rule, fee_ppm,
    traded_micro_yuan, state)
SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::int[], $6::text[],
    $7::int[], $8::bigint[], $9::smallint[])
ON CONFLICT (hold_id) DO UPDATE SET traded_micro_yuan = excluded.traded_micro_yuan,
    state = excluded.state;

-- name: save_trades
-- Remember settled trades.
INSERT INTO trade (trade_id, hold_id, seller_account, amount_micro_yuan, posted_fen)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[]);

-- name: save_bills
-- New and grown bills.
INSERT INTO bill (tenant_id, month, tax_ppm, tax_rule, fee_ppm, total_micro_yuan, issued_at_ms)
SELECT * FROM unnest($1::text[], $2::text[], $3::int[], $4::text[], $5::int[], $6::bigint[],
    $7::bigint[])
ON CONFLICT (tenant_id, month) DO UPDATE SET total_micro_yuan = excluded.total_micro_yuan,
    issued_at_ms = excluded.issued_at_ms;

-- name: save_lines
-- New and grown lines.
INSERT INTO bill_line (tenant_id, month, class_id, site_id, lease_id, price_micro_yuan, unit_ms,
    usages)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[],
    $7::bigint[], $8::int[])
ON CONFLICT (tenant_id, month, class_id, site_id, lease_id, price_micro_yuan)
DO UPDATE SET unit_ms = excluded.unit_ms, usages = excluded.usages;

-- name: save_usages
-- Remember rated usages.
INSERT INTO usage (usage_id, tenant_id, month, class_id, site_id, lease_id, price_micro_yuan,
    unit_ms, amount_micro_yuan, posted_fen, traceparent)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
    $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::text[]);

-- name: save_operators
-- Who operates a site from now on.
INSERT INTO site (site_id, operator) SELECT * FROM unnest($1::text[], $2::text[])
ON CONFLICT (site_id) DO UPDATE SET operator = excluded.operator;

-- name: account
-- One account and the balance of its hold account.
SELECT a.account_id, a.kind, a.owner, a.debits_fen, a.credits_fen, a.remainder_micro_yuan,
    coalesce(h.credits_fen - h.debits_fen, 0) AS held_fen
FROM account a LEFT JOIN account h ON h.account_id = 'hold:' || a.account_id
WHERE a.account_id = $1;

-- name: transfers_of
-- A page of an account's transfers; each side from its own index.
SELECT sequence, transfer_id, debit_account, credit_account, amount_fen, code, subject,
    posted_at_ms, traceparent
FROM (
    (SELECT * FROM transfer WHERE debit_account = $1 AND sequence > $2 ORDER BY sequence LIMIT $3)
    UNION ALL
    (SELECT * FROM transfer WHERE credit_account = $1 AND sequence > $2 ORDER BY sequence LIMIT $3)
) AS both_sides
ORDER BY sequence LIMIT $3;

-- name: bill
-- One bill.
SELECT tenant_id, month, tax_ppm, tax_rule, fee_ppm, total_micro_yuan, issued_at_ms
FROM bill WHERE tenant_id = $1 AND month = $2;

-- name: lines_of
-- All lines of one bill.
SELECT tenant_id, month, class_id, site_id, lease_id, price_micro_yuan, unit_ms, usages
FROM bill_line WHERE tenant_id = $1 AND month = $2;

-- name: ledger
-- Where the ledger stands.
SELECT sequence, closed_through FROM ledger;

-- name: balances
-- Sums by kind of account.
SELECT kind, sum(debits_fen)::bigint AS debits_fen, sum(credits_fen)::bigint AS credits_fen,
    count(*) AS accounts
FROM account GROUP BY kind ORDER BY kind;
