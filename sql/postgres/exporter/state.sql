-- What is so now, as (figure, label, value). Rows of the inbox by PostgreSQL's own estimate.
SELECT
    'inbox_rows' AS figure,
    '' AS label,
    greatest(pg_class.reltuples, coalesce(stat.n_live_tup, 0), 0)::float AS value
FROM pg_class
LEFT JOIN pg_stat_user_tables AS stat ON pg_class.oid = stat.relid
WHERE pg_class.oid = 'event_key'::regclass
UNION ALL
SELECT
    'last_batch_at' AS figure,
    '' AS label,
    extract(EPOCH FROM max(intake_batch.landed_at))::float AS value
FROM intake_batch
HAVING max(intake_batch.landed_at) IS NOT NULL
UNION ALL
SELECT
    'quarantine' AS figure,
    event_quarantine.reason AS label,
    count(*)::float AS value
FROM event_quarantine
WHERE event_quarantine.replayed_at IS NULL
GROUP BY event_quarantine.reason
UNION ALL
SELECT
    'requests_waiting' AS figure,
    llm_request.kind AS label,
    count(*)::float AS value
FROM llm_request
WHERE
    llm_request.occurred_on >= %(requests_since)s
    AND NOT EXISTS (
        SELECT 1
        FROM request_reply
        WHERE request_reply.request_event_id = llm_request.event_id
    )
GROUP BY llm_request.kind;
