-- daily_tool_calls of each week, month … by tool.
CREATE OR REPLACE MACRO tool_calls_by(period) AS TABLE (
    WITH known AS (
        -- Files from before a column was added: NULL.
        SELECT NULL::BIGINT AS outcomes
        WHERE FALSE
        UNION ALL BY NAME
        SELECT * FROM daily_tool_calls
    ),

    merged AS (
        SELECT
            date_trunc(period, day)::DATE AS starts_on,
            tool_name,
            count(DISTINCT day) AS days,
            sum_of(calls) AS calls,
            sum_of(errors) AS errors,
            sum_of(coalesce(outcomes, calls)) AS outcomes, -- earlier files took all calls for these
            sum_of(retries) AS retries,
            merge_counts(list(error_types)) AS error_types,
            merge_counts(list(duration_ms_sketch)) AS duration_ms_sketch
        FROM known
        GROUP BY starts_on, tool_name
    )

    SELECT
        *,
        errors / nullif(outcomes, 0) AS error_rate,
        sketch_quantile(duration_ms_sketch, 0.5) AS duration_p50_ms,
        sketch_quantile(duration_ms_sketch, 0.95) AS duration_p95_ms,
        sketch_quantile(duration_ms_sketch, 0.99) AS duration_p99_ms
    FROM merged
    ORDER BY starts_on, tool_name
);
