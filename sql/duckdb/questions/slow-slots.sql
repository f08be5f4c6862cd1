-- How fast was each slot on the last seven days it was used, slowest generation first?
SELECT
    slot,
    coalesce(response_model, request_model) AS model,
    count(*) AS chats,
    quantile_cont(total_ms, 0.5) AS total_p50_ms,
    quantile_cont(total_ms, 0.95) AS total_p95_ms,
    quantile_cont(ttft_ms, 0.95) AS ttft_p95_ms,
    sum_of(tg_timed(output_tokens, tg_tokens_per_s))
    / sum(tg_timed(output_tokens, tg_tokens_per_s) / tg_tokens_per_s) AS tg_tokens_per_s
FROM llm_chat
WHERE
    occurred_on > (SELECT max(latest.occurred_on) FROM llm_chat AS latest) - 7
    AND coalesce(choice_no, 0) = 0
GROUP BY ALL
ORDER BY tg_tokens_per_s NULLS LAST, slot;
