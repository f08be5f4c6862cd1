-- Slots
SELECT
    slot,
    coalesce(response_model, request_model) AS model,
    count(*) AS chats,
    count(*) FILTER (WHERE finish_reason = 'length') AS cut,
    sum_of(output_tokens) AS output_tokens,
    quantile_cont(ttft_ms, 0.5) AS ttft_p50_ms,
    quantile_cont(total_ms, 0.5) AS total_p50_ms,
    quantile_cont(total_ms, 0.95) AS total_p95_ms
FROM llm_chat
WHERE
    occurred_on BETWEEN getvariable('first_utc') AND getvariable('last_utc')
    AND occurred_at >= getvariable('since')
    AND occurred_at < getvariable('until')
    AND coalesce(choice_no, 0) = 0
GROUP BY ALL
ORDER BY chats DESC, slot ASC, model ASC
LIMIT 50;
