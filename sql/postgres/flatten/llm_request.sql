-- One row per llm.generation.request and llm.translation.request event of a day.
INSERT INTO llm_request (
    event_id, correlation_id, causation_id, source, occurred_at, occurred_on,
    kind, role, priority, source_language, target_language, request, batch_id
)
WITH event AS (
    SELECT
        inbox.event_id,
        inbox.correlation_id,
        inbox.causation_id,
        inbox.source,
        inbox.occurred_at,
        inbox.occurred_on,
        inbox.subject,
        inbox.batch_id,
        event_payload(inbox.payload) AS p
    FROM event_inbox AS inbox
    WHERE
        inbox.occurred_on = %(day)s
        AND inbox.subject IN ('llm.generation.request', 'llm.translation.request')
        AND inbox.batch_id = any(%(batches)s)
        AND (%(events)s::text[] IS NULL OR inbox.event_id = any(%(events)s))
    -- So that the payload is read once, not for each column.
    OFFSET 0 -- noqa: AM09
)

SELECT
    event_id,
    correlation_id,
    causation_id,
    source,
    occurred_at,
    occurred_on,
    split_part(subject, '.', 2),
    json_text(p -> 'role'),
    json_text(p -> 'priority'),
    json_text(p -> 'from'),
    json_text(p -> 'to'),
    p,
    batch_id
FROM event;
