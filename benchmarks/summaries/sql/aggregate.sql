-- What every arm computes, here by PostgreSQL itself.
SELECT
    tool_name,
    count(*) AS calls,
    count(*) FILTER (WHERE is_error) AS errors,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY duration_ms) AS duration_p50_ms,
    percentile_cont(0.95) WITHIN GROUP (ORDER BY duration_ms) AS duration_p95_ms
FROM llm_tool_call
WHERE occurred_on = %(day)s
GROUP BY tool_name;
