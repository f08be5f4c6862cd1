-- What each slot and model did on a day: in familiar's traffic, and in our own jobs.
--
-- A request worked from `total_ms` before its end until its end (when its event says it happened,
-- or when its result was complete); without a `total_ms` of at most a day it has no such time.
-- PP and TG weigh each request by its tokens (macros/speeds.sql). PP that the client measured
-- includes the wait: `timing_source` says who measured; of traffic it is not known.
WITH request AS NOT MATERIALIZED (
    SELECT
        occurred_on,
        'traffic' AS origin,
        coalesce(choice_no, 0) = 0 AS is_first,
        slot,
        coalesce(response_model, request_model) AS model,
        CASE WHEN status = 'error' THEN 'failed' ELSE 'ok' END AS status,
        error_kind,
        0 AS retries,
        input_tokens,
        output_tokens,
        cached_tokens,
        NULL::DOUBLE AS queue_ms,
        ttft_ms,
        total_ms,
        pp_tokens_per_s,
        tg_tokens_per_s,
        NULL::VARCHAR AS timing_source,
        epoch_us(occurred_at) AS finished_us
    FROM llm_chat
    WHERE occurred_on = $day
    UNION ALL
    SELECT
        occurred_on,
        'jobs' AS origin,
        TRUE AS is_first,
        slot,
        coalesce(response_model, request_model) AS model,
        status,
        error_kind,
        greatest(attempts - 1, 0) AS retries,
        input_tokens,
        output_tokens,
        cached_tokens,
        queue_ms,
        ttft_ms,
        total_ms,
        pp_tokens_per_s,
        tg_tokens_per_s,
        timing_source,
        epoch_us(completed_at) AS finished_us
    FROM inference_result
    WHERE occurred_on = $day
),

-- Read twice, by which few columns are needed each time: that is less than keeping them all.
timed AS NOT MATERIALIZED (
    SELECT
        *,
        hash(origin, slot, model) AS what, -- one number is put in order faster than three texts
        pp_timed(input_tokens, cached_tokens, pp_tokens_per_s) AS pp_tokens,
        tg_timed(output_tokens, tg_tokens_per_s) AS tg_tokens,
        CASE
            WHEN total_ms BETWEEN 0 AND 86400000
                THEN finished_us - round(total_ms * 1000)::BIGINT
        END AS started_us,
        CASE WHEN total_ms BETWEEN 0 AND 86400000 THEN finished_us END AS ended_us
    FROM request
),

-- Until when those that began before it had covered the time: the rest of each does not overlap.
covered AS (
    SELECT
        what,
        started_us,
        ended_us,
        max(ended_us) OVER (
            PARTITION BY what
            ORDER BY started_us
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS covered_until_us
    FROM timed
    WHERE started_us IS NOT NULL
),

busy AS (
    SELECT
        what,
        sum_of(
            CASE
                WHEN covered_until_us > started_us THEN greatest(ended_us - covered_until_us, 0)
                ELSE ended_us - started_us
            END
        ) / 1e6 AS covered_s
    FROM covered
    GROUP BY what
)

SELECT
    timed.occurred_on AS day,
    timed.origin,
    timed.slot,
    timed.model,
    count(*) FILTER (WHERE is_first) AS requests,
    count(*) AS choices, -- all answers, those beyond a request's first included
    count(*) FILTER (WHERE is_first AND status = 'rejected') AS rejected,
    count(*) FILTER (WHERE is_first AND status = 'failed') AS failed,
    histogram(error_kind) FILTER (WHERE is_first) AS error_kinds, -- of each; NULL: none
    sum_of(retries) AS retries, -- attempts beyond the first; traffic does not tell of its own
    sum_of(input_tokens) AS input_tokens,
    sum_of(output_tokens) AS output_tokens,
    sum_of(cached_tokens) AS cached_tokens,
    (max(ended_us) - min(started_us)) / 1e6 AS wall_s, -- from the first start to the last end
    -- when at least one request was worked on
    any_value(busy.covered_s) AS busy_s,
    sum_of(ended_us - started_us) / 1e6 AS worked_s, -- of all requests, side by side or not
    busy_s / nullif(wall_s, 0) AS busy_share,
    worked_s / nullif(busy_s, 0) AS parallel_mean, -- requests at once, while there was one
    sum_of(output_tokens) / nullif(wall_s, 0) AS output_tokens_per_s, -- over wall_s
    sum_of(output_tokens) / nullif(busy_s, 0) AS output_tokens_per_busy_s,
    sum_of(pp_tokens) AS pp_tokens, -- processed at a known speed, without those from the cache
    sum(pp_tokens / pp_tokens_per_s) AS pp_s,
    sum_of(tg_tokens) AS tg_tokens, -- generated at a known speed
    sum(tg_tokens / tg_tokens_per_s) AS tg_s,
    sum_of(pp_tokens) / nullif(pp_s, 0) AS pp_tokens_per_s,
    sum_of(tg_tokens) / nullif(tg_s, 0) AS tg_tokens_per_s,
    CASE
        WHEN count(DISTINCT timing_source) FILTER (WHERE pp_tokens > 0) > 1 THEN 'mixed'
        ELSE any_value(timing_source) FILTER (WHERE pp_tokens > 0)
    END AS timing_source, -- of PP: server, client, mixed
    sketch(queue_ms) AS queue_ms_sketch,
    sketch(ttft_ms) AS ttft_ms_sketch,
    sketch(total_ms) AS total_ms_sketch,
    sketch_quantile(queue_ms_sketch, 0.5) AS queue_p50_ms,
    sketch_quantile(queue_ms_sketch, 0.95) AS queue_p95_ms,
    sketch_quantile(queue_ms_sketch, 0.99) AS queue_p99_ms,
    sketch_quantile(ttft_ms_sketch, 0.5) AS ttft_p50_ms,
    sketch_quantile(ttft_ms_sketch, 0.95) AS ttft_p95_ms,
    sketch_quantile(ttft_ms_sketch, 0.99) AS ttft_p99_ms,
    sketch_quantile(total_ms_sketch, 0.5) AS total_p50_ms,
    sketch_quantile(total_ms_sketch, 0.95) AS total_p95_ms,
    sketch_quantile(total_ms_sketch, 0.99) AS total_p99_ms
FROM timed
LEFT JOIN busy ON timed.what = busy.what
GROUP BY timed.occurred_on, timed.origin, timed.slot, timed.model
ORDER BY timed.occurred_on, timed.origin, timed.slot, timed.model;
