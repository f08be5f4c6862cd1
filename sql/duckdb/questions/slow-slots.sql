-- How fast was each slot on the last seven days with traffic, slowest generation first?
WITH used AS (
    SELECT
        slot,
        model,
        sum_of(requests) AS chats,
        sum_of(tg_tokens) / sum(tg_s) AS tg_tokens_per_s,
        merge_counts(list(total_ms_sketch)) AS total_ms_sketch,
        merge_counts(list(ttft_ms_sketch)) AS ttft_ms_sketch
    FROM daily_slot_throughput
    WHERE
        day BETWEEN getvariable('last_week_of_llm_chat') AND getvariable('until')
        AND origin = 'traffic'
    GROUP BY slot, model
)

SELECT
    slot,
    model,
    chats,
    sketch_quantile(total_ms_sketch, 0.5) AS total_p50_ms,
    sketch_quantile(total_ms_sketch, 0.95) AS total_p95_ms,
    sketch_quantile(ttft_ms_sketch, 0.95) AS ttft_p95_ms,
    tg_tokens_per_s
FROM used
ORDER BY tg_tokens_per_s NULLS LAST, slot, model;
