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
    octet_length(raw) AS raw_bytes
FROM event_quarantine
WHERE %(reason)s::text IS NULL OR reason = %(reason)s
ORDER BY quarantine_id DESC
LIMIT %(max_rows)s;
