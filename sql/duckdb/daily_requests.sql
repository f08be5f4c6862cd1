-- Request events of a day, and what the slots answered to them, by kind.
WITH answered AS (
    SELECT
        source_event_id,
        count(*) FILTER (WHERE status = 'ok') = count(*) AS is_ok,
        bool_or(status = 'failed') AS has_failed,
        sum_of(output_tokens) AS output_tokens,
        max(total_ms) AS total_ms
    FROM inference_result
    WHERE occurred_on = $day AND recipe = 'request'
    GROUP BY source_event_id
)

SELECT
    asked.occurred_on AS day,
    asked.kind,
    count(*) AS requests,
    count(*) FILTER (WHERE answered.is_ok) AS answered, -- every part of it ok
    count(*) FILTER (WHERE NOT answered.is_ok AND NOT answered.has_failed) AS rejected,
    count(*) FILTER (WHERE answered.has_failed) AS failed,
    count(*) FILTER (WHERE answered.source_event_id IS NULL) AS waiting, -- refused ones included
    sum_of(answered.output_tokens) AS output_tokens,
    sketch(answered.total_ms) AS total_ms_sketch, -- of a request's longest part
    sketch_quantile(total_ms_sketch, 0.5) AS total_p50_ms,
    sketch_quantile(total_ms_sketch, 0.95) AS total_p95_ms,
    sketch_quantile(total_ms_sketch, 0.99) AS total_p99_ms
FROM llm_request AS asked
LEFT JOIN answered ON asked.event_id = answered.source_event_id
WHERE asked.occurred_on = $day
GROUP BY asked.occurred_on, asked.kind
ORDER BY asked.occurred_on, asked.kind;
