-- What every arm computes, here by PostgreSQL itself.
WITH called AS (
    SELECT
        tool_name,
        correlation_id,
        is_error,
        duration_ms,
        lag(is_error) OVER (
            PARTITION BY correlation_id, tool_name, arguments
            ORDER BY occurred_at, event_id
        ) AS last_failed
    FROM llm_tool_call
    WHERE occurred_on = %(day)s
)

SELECT
    tool_name,
    count(*) AS calls,
    count(*) FILTER (WHERE is_error) AS errors,
    count(*) FILTER (WHERE last_failed) AS retries,
    count(is_error) AS outcomes,
    count(DISTINCT correlation_id) AS sessions,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY duration_ms) AS duration_p50_ms,
    percentile_cont(0.95) WITHIN GROUP (ORDER BY duration_ms) AS duration_p95_ms,
    percentile_cont(0.99) WITHIN GROUP (ORDER BY duration_ms) AS duration_p99_ms
FROM called
GROUP BY tool_name;
