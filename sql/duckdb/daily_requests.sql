-- Request events of a day, and what the slots answered to them, by kind.
WITH answered AS (
    SELECT
        source_event_id,
        count(*) FILTER (WHERE status = 'ok') = count(*) AS is_ok,
        bool_or(status = 'failed') AS has_failed,
        sum(output_tokens) AS output_tokens,
        max(total_ms) AS total_ms
    FROM inference_result
    WHERE recipe = 'request'
    GROUP BY source_event_id
)

SELECT
    $day::DATE AS day,
    asked.kind,
    count(*) AS requests,
    count(*) FILTER (WHERE answered.is_ok) AS answered,
    count(*) FILTER (WHERE NOT answered.is_ok AND NOT answered.has_failed) AS rejected,
    count(*) FILTER (WHERE answered.has_failed) AS failed,
    count(*) FILTER (WHERE answered.source_event_id IS NULL) AS waiting,
    coalesce(sum(answered.output_tokens), 0)::BIGINT AS output_tokens,
    quantile_cont(answered.total_ms, 0.5) AS total_p50_ms
FROM llm_request AS asked
LEFT JOIN answered ON asked.event_id = answered.source_event_id
GROUP BY asked.kind
ORDER BY asked.kind;
