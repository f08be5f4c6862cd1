-- What each slot and model did on a day: in familiar's traffic, and in our own jobs.
--
-- A request worked from `total_ms` before its end until its end (when its event says it happened,
-- or when its result was complete); without a `total_ms` of at most a day it has no such time.
-- PP and TG weigh each request by its tokens (macros/speeds.sql). PP that the client measured
-- includes the wait: `timing_source` says who measured; of traffic it is not known.
--
-- What a job cost was kept with it; what traffic cost is by the fleet file ($slots) as it is now.
WITH rate AS (
    SELECT *
    FROM slot_rates($slots)
),

request AS NOT MATERIALIZED (
    SELECT
        occurred_on,
        'traffic' AS origin,
        coalesce(choice_no, 0) = 0 AS is_first,
        slot,
        coalesce(response_model, request_model) AS model,
        CASE WHEN chat_failed(status, error_kind, finish_reason) THEN 'failed' ELSE 'ok' END
            AS status,
        error_kind,
        NULL::INTEGER AS retries,
        NULL::INTEGER AS slot_parallel,
        NULL::DOUBLE AS slot_price_per_hour,
        NULL::DOUBLE AS slot_watts,
        input_tokens,
        output_tokens,
        cached_tokens,
        reasoning_tokens,
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
        slot_parallel,
        slot_price_per_hour,
        slot_watts,
        input_tokens,
        output_tokens,
        cached_tokens,
        NULL::BIGINT AS reasoning_tokens,
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

-- A result has its own figures, an event those of its slot.
priced AS NOT MATERIALIZED (
    SELECT
        timed.*,
        CASE
            WHEN timed.total_ms BETWEEN 0 AND 86400000 AND timed.is_first
                THEN timed.total_ms / 1000 / coalesce(timed.slot_parallel, rate.parallel, 1)
        END AS slot_s,
        coalesce(timed.slot_price_per_hour, rate.price_per_hour) AS price_per_hour,
        coalesce(timed.slot_watts, rate.watts) AS watts
    FROM timed
    LEFT JOIN rate ON timed.slot = rate.slot AND timed.origin = 'traffic'
),

-- Until when those that began before it had covered the time, and when the last of all ended.
covered AS (
    SELECT
        what,
        started_us,
        max(ended_us) OVER (
            PARTITION BY what
            ORDER BY started_us
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS covered_until_us,
        max(ended_us) OVER (
            PARTITION BY what
            ORDER BY started_us
            ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
        ) AS last_ended_us
    FROM timed
    WHERE started_us IS NOT NULL
),

-- Where work begins after there was none, until there is none again.
stretch AS (
    SELECT
        what,
        started_us,
        coalesce(
            lead(covered_until_us) OVER (PARTITION BY what ORDER BY started_us), last_ended_us
        ) AS ended_us
    FROM covered
    WHERE covered_until_us IS NULL OR started_us > covered_until_us
),

busy AS (
    SELECT
        what,
        sum_of(ended_us - started_us) / 1e6 AS covered_s,
        busy_sketch(list(busy_span(started_us, ended_us))) AS spans
    FROM stretch
    GROUP BY what
)

SELECT
    priced.occurred_on AS day,
    priced.origin,
    priced.slot,
    priced.model,
    count(*) FILTER (WHERE is_first) AS requests,
    count(*) AS choices, -- all answers, those beyond a request's first included
    count(*) FILTER (WHERE is_first AND status = 'rejected') AS rejected,
    count(*) FILTER (WHERE is_first AND status = 'failed') AS failed,
    histogram(error_kind) FILTER (WHERE is_first) AS error_kinds, -- of each; NULL: none
    sum_of(retries) AS retries, -- attempts beyond the first; NULL: traffic does not tell of its own
    sum_of(input_tokens) AS input_tokens,
    sum_of(output_tokens) AS output_tokens,
    sum_of(cached_tokens) AS cached_tokens,
    sum_of(reasoning_tokens) AS reasoning_tokens, -- of output_tokens, where the event says so
    (max(ended_us) - min(started_us)) / 1e6 AS wall_s, -- from the first start to the last end
    -- when at least one request was worked on
    any_value(busy.covered_s) AS busy_s,
    sum_of(ended_us - started_us) / 1e6 AS worked_s, -- of all requests, side by side or not
    busy_s / nullif(wall_s, 0) AS busy_share,
    any_value(busy.spans) AS busy_sketch, -- when: at most 32 spans (macros/spans.sql)
    worked_s / nullif(busy_s, 0) AS parallel_mean, -- requests at once, while there was one
    -- slot-seconds, a request's being 1 / parallel; where that is not known it counts as 1
    sum(slot_s) AS slot_s,
    -- in the currency of the fleet file; NULL where it gives no price
    sum(slot_s / 3600 * price_per_hour) AS cost,
    sum(slot_s / 3600 * watts) AS energy_wh, -- NULL where the fleet file gives no watts
    sum(slot_s) FILTER (WHERE price_per_hour IS NOT NULL) AS priced_slot_s,
    sum(slot_s) FILTER (WHERE watts IS NOT NULL) AS metered_slot_s,
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
FROM priced
LEFT JOIN busy ON priced.what = busy.what
GROUP BY priced.occurred_on, priced.origin, priced.slot, priced.model
ORDER BY priced.occurred_on, priced.origin, priced.slot, priced.model;
