-- daily_requests of each week, month … by kind.
CREATE OR REPLACE MACRO requests_by(period) AS TABLE (
    WITH merged AS (
        SELECT
            date_trunc(period, day)::DATE AS starts_on,
            kind,
            count(DISTINCT day) AS days,
            sum_of(requests) AS requests,
            sum_of(answered) AS answered,
            sum_of(rejected) AS rejected,
            sum_of(failed) AS failed,
            sum_of(waiting) AS waiting,
            sum_of(output_tokens) AS output_tokens,
            merge_counts(list(total_ms_sketch)) AS total_ms_sketch
        FROM daily_requests
        GROUP BY starts_on, kind
    )

    SELECT
        *,
        sketch_quantile(total_ms_sketch, 0.5) AS total_p50_ms,
        sketch_quantile(total_ms_sketch, 0.95) AS total_p95_ms,
        sketch_quantile(total_ms_sketch, 0.99) AS total_p99_ms
    FROM merged
    ORDER BY starts_on, kind
);
