-- daily_slot_throughput of each week, month … `wall_s` and `busy_s` are unions of the days' times,
-- which overlap where jobs of several days were done at once. NULL: a day's rows are from before
-- `busy_sketch` was kept.
CREATE OR REPLACE MACRO slot_throughput_by(period) AS TABLE (
    WITH known AS (
        -- Files from before a column was added: NULL.
        SELECT
            NULL::STRUCT(started_us BIGINT, ended_us BIGINT, busy_us BIGINT) [] AS busy_sketch,
            NULL::BIGINT AS reasoning_tokens,
            NULL::DOUBLE AS slot_s,
            NULL::DOUBLE AS cost,
            NULL::DOUBLE AS energy_wh,
            NULL::DOUBLE AS priced_slot_s,
            NULL::DOUBLE AS metered_slot_s
        WHERE FALSE
        UNION ALL BY NAME
        SELECT * FROM daily_slot_throughput
    ),

    merged AS (
        SELECT
            date_trunc(period, day)::DATE AS starts_on,
            origin,
            slot,
            model,
            count(DISTINCT day) AS days,
            sum_of(requests) AS requests,
            sum_of(rejected) AS rejected,
            sum_of(failed) AS failed,
            sum_of(retries) AS retries,
            sum_of(input_tokens) AS input_tokens,
            sum_of(output_tokens) AS output_tokens,
            sum_of(cached_tokens) AS cached_tokens,
            sum_of(reasoning_tokens) AS reasoning_tokens,
            sum_of(pp_tokens) AS pp_tokens,
            sum_of(tg_tokens) AS tg_tokens,
            CASE
                WHEN count(wall_s) = count(busy_sketch)
                    THEN busy_union(
                        list(busy_span(busy_sketch[1].started_us, busy_sketch[-1].ended_us))
                        FILTER (WHERE busy_sketch IS NOT NULL)
                    )
            END AS wall,
            CASE
                WHEN count(busy_s) = count(busy_sketch)
                    THEN busy_union(
                        flatten(list(busy_sketch) FILTER (WHERE busy_sketch IS NOT NULL))
                    )
            END AS busy,
            sum(worked_s) AS worked_s,
            sum(slot_s) AS slot_s,
            sum(cost) AS cost,
            sum(energy_wh) AS energy_wh,
            sum(priced_slot_s) AS priced_slot_s,
            sum(metered_slot_s) AS metered_slot_s,
            sum(pp_s) AS pp_s,
            sum(tg_s) AS tg_s,
            CASE
                WHEN count(DISTINCT timing_source) > 1 THEN 'mixed'
                ELSE any_value(timing_source)
            END AS timing_source,
            merge_counts(list(error_kinds)) AS error_kinds,
            merge_counts(list(queue_ms_sketch)) AS queue_ms_sketch,
            merge_counts(list(ttft_ms_sketch)) AS ttft_ms_sketch,
            merge_counts(list(total_ms_sketch)) AS total_ms_sketch
        FROM known
        GROUP BY starts_on, origin, slot, model
    )

    SELECT
        * EXCLUDE (wall, busy),
        wall.busy_us / 1e6 AS wall_s,
        busy.busy_us / 1e6 AS busy_s,
        busy.error_us / 1e6 AS busy_error_s, -- busy_s is at most so much too large
        busy_s / nullif(wall_s, 0) AS busy_share,
        worked_s / nullif(busy_s, 0) AS parallel_mean,
        output_tokens / nullif(wall_s, 0) AS output_tokens_per_s,
        output_tokens / nullif(busy_s, 0) AS output_tokens_per_busy_s,
        pp_tokens / nullif(pp_s, 0) AS pp_tokens_per_s,
        tg_tokens / nullif(tg_s, 0) AS tg_tokens_per_s,
        sketch_quantile(queue_ms_sketch, 0.5) AS queue_p50_ms,
        sketch_quantile(queue_ms_sketch, 0.95) AS queue_p95_ms,
        sketch_quantile(queue_ms_sketch, 0.99) AS queue_p99_ms,
        sketch_quantile(ttft_ms_sketch, 0.5) AS ttft_p50_ms,
        sketch_quantile(ttft_ms_sketch, 0.95) AS ttft_p95_ms,
        sketch_quantile(ttft_ms_sketch, 0.99) AS ttft_p99_ms,
        sketch_quantile(total_ms_sketch, 0.5) AS total_p50_ms,
        sketch_quantile(total_ms_sketch, 0.95) AS total_p95_ms,
        sketch_quantile(total_ms_sketch, 0.99) AS total_p99_ms
    FROM merged
    ORDER BY starts_on, origin, slot, model
);
