-- What each slot and model did on a day: in familiar's traffic, and in our own jobs.
-- PP and TG weigh each request by its tokens: all tokens over all the time that they took.
WITH request AS (
    SELECT
        occurred_on,
        'traffic' AS origin,
        slot,
        coalesce(response_model, request_model) AS model,
        'ok' AS status,
        input_tokens,
        output_tokens,
        cached_tokens,
        ttft_ms,
        total_ms,
        pp_tokens_per_s,
        tg_tokens_per_s
    FROM llm_chat
    UNION ALL BY NAME
    SELECT
        occurred_on,
        'jobs' AS origin,
        slot,
        coalesce(response_model, request_model) AS model,
        status,
        input_tokens,
        output_tokens,
        cached_tokens,
        ttft_ms,
        total_ms,
        pp_tokens_per_s,
        tg_tokens_per_s
    FROM inference_result
),

timed AS (
    SELECT
        *,
        CASE
            WHEN pp_tokens_per_s > 0
                THEN greatest(input_tokens - coalesce(cached_tokens, 0), 0)
        END AS pp_tokens,
        CASE WHEN tg_tokens_per_s > 0 THEN output_tokens END AS tg_tokens
    FROM request
    WHERE occurred_on = $day
)

SELECT
    occurred_on AS day,
    origin,
    slot,
    model,
    count(*) AS requests,
    count(*) FILTER (WHERE status = 'rejected') AS rejected,
    count(*) FILTER (WHERE status = 'failed') AS failed,
    sum(input_tokens)::BIGINT AS input_tokens,
    sum(output_tokens)::BIGINT AS output_tokens,
    sum(cached_tokens)::BIGINT AS cached_tokens,
    quantile_cont(ttft_ms, 0.5) AS ttft_p50_ms,
    quantile_cont(ttft_ms, 0.95) AS ttft_p95_ms,
    quantile_cont(total_ms, 0.5) AS total_p50_ms,
    quantile_cont(total_ms, 0.95) AS total_p95_ms,
    sum(pp_tokens) / nullif(sum(pp_tokens / pp_tokens_per_s), 0) AS pp_tokens_per_s,
    sum(tg_tokens) / nullif(sum(tg_tokens / tg_tokens_per_s), 0) AS tg_tokens_per_s
FROM timed
GROUP BY ALL
ORDER BY ALL;
