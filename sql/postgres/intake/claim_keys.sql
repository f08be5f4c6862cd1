INSERT INTO event_key (event_id, occurred_on, stream, stream_seq, received_at)
SELECT
    event_id,
    occurred_on,
    stream,
    stream_seq,
    received_at
FROM incoming_key
ON CONFLICT DO NOTHING;
