-- How far each consumed partition has been handled; moves with the effects, in their transaction.
CREATE TABLE inbox (
    topic text NOT NULL,
    partition int NOT NULL,
    next_offset bigint NOT NULL CHECK (next_offset >= 0),
    PRIMARY KEY (topic, partition)
);

-- Events that must leave. A row is deleted once the broker has acknowledged it.
CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic text NOT NULL,
    key text NOT NULL,
    partition int,
    event_id text NOT NULL,
    traceparent text NOT NULL,
    value bytea NOT NULL
);
