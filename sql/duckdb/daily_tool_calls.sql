-- Tool calls of a day by tool: how many, how many failed, how long they took.
SELECT
    occurred_on AS day,
    tool_name,
    count(*) AS calls,
    count(*) FILTER (WHERE is_error) AS errors,
    count(*) FILTER (WHERE is_error) / count(*) AS error_rate,
    count(DISTINCT correlation_id) AS sessions,
    quantile_cont(duration_ms, 0.5) AS duration_p50_ms,
    quantile_cont(duration_ms, 0.95) AS duration_p95_ms
FROM llm_tool_call
WHERE occurred_on = $day
GROUP BY ALL
ORDER BY ALL;
