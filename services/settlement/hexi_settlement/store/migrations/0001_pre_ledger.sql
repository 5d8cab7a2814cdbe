-- One row. Whoever holds its lock is the one writer; `sequence` is the last transfer's place.
CREATE TABLE ledger (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    sequence bigint NOT NULL DEFAULT 0,
    closed_through text NOT NULL DEFAULT ''
);
INSERT INTO ledger DEFAULT VALUES;

-- Customers (1), providers (2), holds (3), fees (4), tax (5) and rounding (6) never owe;
-- cash (7) and receivables (8) may.
CREATE TABLE account (
    account_id text PRIMARY KEY,
    kind smallint NOT NULL CHECK (kind BETWEEN 1 AND 8),
    owner text NOT NULL,
    debits_fen bigint NOT NULL CHECK (debits_fen >= 0),
    credits_fen bigint NOT NULL CHECK (credits_fen >= 0),
    remainder_micro_yuan bigint NOT NULL,
    CONSTRAINT no_overdraft CHECK (kind IN (7, 8) OR credits_fen >= debits_fen)
) WITH (fillfactor = 50);
CREATE INDEX account_by_owner ON account (owner);

-- Append only. The sequence has no gaps: it is counted in the same transaction.
CREATE TABLE transfer (
    sequence bigint PRIMARY KEY,
    transfer_id text NOT NULL UNIQUE,
    debit_account text NOT NULL,
    credit_account text NOT NULL,
    amount_fen bigint NOT NULL CHECK (amount_fen > 0),
    code smallint NOT NULL,
    subject text NOT NULL,
    posted_at_ms bigint NOT NULL,
    traceparent text NOT NULL,
    CHECK (debit_account <> credit_account)
);
CREATE INDEX transfer_by_debit ON transfer (debit_account, sequence);
CREATE INDEX transfer_by_credit ON transfer (credit_account, sequence);

-- Money set aside. Only whole fen of what was traded are captured, never above the amount.
CREATE TABLE hold (
    hold_id text PRIMARY KEY,
    account_id text NOT NULL,
    amount_fen bigint NOT NULL CHECK (amount_fen > 0),
    subject text NOT NULL,
    tax_ppm int NOT NULL,
    tax_rule text NOT NULL,
    fee_ppm int NOT NULL,
    traded_micro_yuan bigint NOT NULL CHECK (traded_micro_yuan >= 0),
    state smallint NOT NULL CHECK (state BETWEEN 1 AND 3),
    CONSTRAINT captured_within_amount CHECK (traded_micro_yuan / 10000 <= amount_fen)
);

CREATE TABLE trade (
    trade_id text PRIMARY KEY,
    hold_id text NOT NULL,
    seller_account text NOT NULL,
    amount_micro_yuan bigint NOT NULL,
    posted_fen bigint NOT NULL
);

-- A tenant's month; issued_at_ms is 0 while it is open.
CREATE TABLE bill (
    tenant_id text NOT NULL,
    month text NOT NULL,
    tax_ppm int NOT NULL,
    tax_rule text NOT NULL,
    fee_ppm int NOT NULL,
    total_micro_yuan bigint NOT NULL,
    issued_at_ms bigint NOT NULL,
    PRIMARY KEY (tenant_id, month)
);
CREATE INDEX bill_by_month ON bill (month);

CREATE TABLE bill_line (
    tenant_id text NOT NULL,
    month text NOT NULL,
    class_id text NOT NULL,
    site_id text NOT NULL,
    lease_id text NOT NULL,
    price_micro_yuan bigint NOT NULL,
    unit_ms bigint NOT NULL,
    usages int NOT NULL,
    PRIMARY KEY (tenant_id, month, class_id, site_id, lease_id, price_micro_yuan)
);

-- Every usage ever rated: what makes it count once, and the evidence behind its line.
CREATE TABLE usage (
    usage_id text PRIMARY KEY,
    tenant_id text NOT NULL,
    month text NOT NULL,
    class_id text NOT NULL,
    site_id text NOT NULL,
    lease_id text NOT NULL,
    price_micro_yuan bigint NOT NULL,
    unit_ms bigint NOT NULL,
    amount_micro_yuan bigint NOT NULL,
    posted_fen bigint NOT NULL,
    traceparent text NOT NULL
);

CREATE TABLE site (
    site_id text PRIMARY KEY,
    operator text NOT NULL
);
