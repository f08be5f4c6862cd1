SELECT
    event_id,
    stream,
    stream_seq,
    received_at
FROM event_key
WHERE event_id = any(%(event_ids)s);
