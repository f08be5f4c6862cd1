-- One row per obsidian.semantic_search event of a day.
INSERT INTO obsidian_semantic_search (
    event_id, correlation_id, causation_id, source, occurred_at, occurred_on,
    query, vault, top_k, embedding_model, result_count, top_score, mean_score, duration_ms,
    results, batch_id
)
SELECT
    inbox.event_id,
    inbox.correlation_id,
    inbox.causation_id,
    inbox.source,
    inbox.occurred_at,
    inbox.occurred_on,
    json_text(inbox.payload -> 'query'),
    json_text(inbox.payload -> 'vault'),
    json_bigint(inbox.payload -> 'top_k'),
    json_text(inbox.payload -> 'embedding_model'),
    jsonb_array_length(array_or_empty(inbox.payload -> 'results')),
    scores.top_score,
    scores.mean_score,
    json_float(inbox.payload -> 'duration_ms'),
    array_or_empty(inbox.payload -> 'results'),
    inbox.batch_id
FROM event_inbox AS inbox
CROSS JOIN
    LATERAL (
        SELECT
            max(json_float(hit -> 'score')) AS top_score,
            avg(json_float(hit -> 'score')) AS mean_score
        FROM jsonb_array_elements(array_or_empty(inbox.payload -> 'results')) AS hit
    ) AS scores
WHERE
    inbox.occurred_on = %(day)s
    AND inbox.subject = 'obsidian.semantic_search'
    AND inbox.batch_id = any(%(batches)s)
    AND (%(events)s::text[] IS NULL OR inbox.event_id = any(%(events)s));
