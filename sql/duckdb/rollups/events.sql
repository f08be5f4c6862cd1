-- daily_events of each week, month … by subject and source.
CREATE OR REPLACE MACRO events_by(period) AS TABLE (
    WITH merged AS (
        SELECT
            date_trunc(period, day)::DATE AS starts_on,
            subject,
            source,
            count(DISTINCT day) AS days,
            sum_of(events) AS events,
            sum_of(under_old_name) AS under_old_name,
            sum_of(repaired) AS repaired,
            merge_counts(list(publish_lag_ms_sketch)) AS publish_lag_ms_sketch
        FROM daily_events
        GROUP BY starts_on, subject, source
    )

    SELECT
        *,
        sketch_quantile(publish_lag_ms_sketch, 0.5) AS publish_lag_p50_ms,
        sketch_quantile(publish_lag_ms_sketch, 0.95) AS publish_lag_p95_ms,
        sketch_quantile(publish_lag_ms_sketch, 0.99) AS publish_lag_p99_ms
    FROM merged
    ORDER BY starts_on, subject, source
);
