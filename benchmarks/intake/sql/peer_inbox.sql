-- The inbox of who does not have ours: the same facts of each event, and each event once.
CREATE TABLE peer_inbox (
    event_id text PRIMARY KEY,
    subject text NOT NULL,
    published_subject text NOT NULL,
    source text,
    correlation_id text,
    causation_id text,
    occurred_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    occurred_on date NOT NULL,
    stream text NOT NULL,
    stream_seq bigint NOT NULL,
    payload jsonb NOT NULL
);
