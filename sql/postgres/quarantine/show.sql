SELECT
    quarantine_id,
    subject,
    stream,
    stream_seq,
    reason,
    detail,
    received_at,
    replayed_at,
    duplicate_of,
    octet_length(raw) AS raw_bytes,
    raw,
    headers
FROM event_quarantine
WHERE quarantine_id = %(quarantine_id)s;
