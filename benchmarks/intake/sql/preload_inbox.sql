-- The rows of the preloaded keys, as if batches of 5,000 had landed them.
INSERT INTO event_inbox (
    event_id, subject, published_subject, source, correlation_id, causation_id, occurred_at,
    received_at, occurred_on, stream, stream_seq, payload, payload_repaired, batch_id
)
SELECT
    preloaded.event_id,
    'llm.chat.persist',
    'llm.chat.persist',
    'familiar',
    'session-' || preloaded.stream_seq / 20,
    preloaded.event_id AS causation_id,
    preloaded.received_at AS occurred_at,
    preloaded.received_at,
    preloaded.occurred_on,
    preloaded.stream,
    preloaded.stream_seq,
    %(body)s::jsonb -> 'payload',
    FALSE,
    (preloaded.stream_seq - %(rows)s) / 5000
FROM event_key AS preloaded;
