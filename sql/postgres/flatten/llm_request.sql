-- One row per llm.generation.request and llm.translation.request event of a day.
INSERT INTO llm_request (
    event_id, correlation_id, causation_id, source, occurred_at, occurred_on,
    kind, role, priority, source_language, target_language, request, batch_id
)
SELECT
    event_id,
    correlation_id,
    causation_id,
    source,
    occurred_at,
    occurred_on,
    split_part(subject, '.', 2),
    json_text(payload -> 'role'),
    json_text(payload -> 'priority'),
    json_text(payload -> 'from'),
    json_text(payload -> 'to'),
    payload,
    batch_id
FROM event_inbox
WHERE
    occurred_on = %(day)s
    AND subject IN ('llm.generation.request', 'llm.translation.request')
    AND batch_id = any(%(batches)s)
    AND (%(events)s::text[] IS NULL OR event_id = any(%(events)s));
