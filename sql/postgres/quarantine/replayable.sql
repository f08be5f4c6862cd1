SELECT
    quarantine_id,
    subject,
    raw,
    headers,
    stream,
    stream_seq,
    received_at
FROM event_quarantine
WHERE
    replayed_at IS NULL
    AND duplicate_of IS NULL
    AND quarantine_id > %(after)s
    AND (%(quarantine_ids)s::bigint[] IS NULL OR quarantine_id = any(%(quarantine_ids)s))
    AND (%(reason)s::text IS NULL OR reason = %(reason)s)
ORDER BY quarantine_id
LIMIT %(max_rows)s;
