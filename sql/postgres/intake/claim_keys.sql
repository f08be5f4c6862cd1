INSERT INTO event_key (event_id, occurred_on, stream, stream_seq, received_at, digest)
SELECT
    event_id,
    occurred_on,
    stream,
    stream_seq,
    received_at,
    digest
FROM incoming_key
ON CONFLICT DO NOTHING;
