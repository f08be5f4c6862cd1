-- Passages that the day's searches found: each once, with all the searches that found it.
WITH found AS (
    SELECT
        search.event_id,
        search.correlation_id,
        search.occurred_at,
        coalesce(hit ->> 'path', '') AS note_path,
        hit ->> 'chunk' AS chunk
    FROM obsidian_semantic_search AS search
    CROSS JOIN LATERAL jsonb_array_elements(search.results) AS hit
    WHERE search.occurred_on = %(day)s
)

SELECT
    (array_agg(event_id ORDER BY occurred_at, event_id))[1] AS source_event_id,
    array_agg(DISTINCT event_id) AS source_event_ids,
    'note/' || note_path || '/' || md5(chunk) AS source_part,
    (array_agg(correlation_id ORDER BY occurred_at, event_id))[1] AS correlation_id,
    note_path,
    left(chunk, 3000) AS chunk
FROM found
WHERE chunk <> ''
GROUP BY note_path, chunk
ORDER BY min(occurred_at), note_path, md5(chunk);
