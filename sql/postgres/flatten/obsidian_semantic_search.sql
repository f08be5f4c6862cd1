-- One row per obsidian.semantic_search event of a day.
INSERT INTO obsidian_semantic_search (
    event_id, correlation_id, causation_id, source, occurred_at, occurred_on,
    query, vault, top_k, embedding_model, result_count, top_score, mean_score, duration_ms,
    results, batch_id
)
WITH event AS (
    SELECT
        inbox.event_id,
        inbox.correlation_id,
        inbox.causation_id,
        inbox.source,
        inbox.occurred_at,
        inbox.occurred_on,
        inbox.batch_id,
        event_payload(inbox.payload) AS p
    FROM event_inbox AS inbox
    WHERE
        inbox.occurred_on = %(day)s
        AND inbox.subject = 'obsidian.semantic_search'
        AND inbox.batch_id = any(%(batches)s)
        AND (%(events)s::text[] IS NULL OR inbox.event_id = any(%(events)s))
    -- So that the payload is read once, not for each column.
    OFFSET 0 -- noqa: AM09
)

SELECT
    event.event_id,
    event.correlation_id,
    event.causation_id,
    event.source,
    event.occurred_at,
    event.occurred_on,
    json_text(event.p -> 'query'),
    json_text(event.p -> 'vault'),
    json_bigint(event.p -> 'top_k'),
    json_text(event.p -> 'embedding_model'),
    jsonb_array_length(array_or_empty(event.p -> 'results')),
    scores.top_score,
    scores.mean_score,
    json_float(event.p -> 'duration_ms'),
    array_or_empty(event.p -> 'results'),
    event.batch_id
FROM event
CROSS JOIN
    LATERAL (
        SELECT
            max(json_float(hit -> 'score')) AS top_score,
            -- Not avg(), whose squares overflow long before the sum does.
            sum(json_float(hit -> 'score')) / count(json_float(hit -> 'score')) AS mean_score
        FROM jsonb_array_elements(array_or_empty(event.p -> 'results')) AS hit
    ) AS scores;
