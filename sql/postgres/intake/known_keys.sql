SELECT
    event_id,
    occurred_on,
    stream,
    stream_seq,
    received_at,
    digest
FROM event_key
WHERE event_id = any(%(event_ids)s);
