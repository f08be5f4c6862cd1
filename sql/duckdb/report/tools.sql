-- Tools
SELECT
    tool_name,
    count(*) AS calls,
    count(*) FILTER (WHERE is_error) AS errors,
    mode(error_type) FILTER (WHERE is_error) AS usual_error,
    quantile_cont(duration_ms, 0.95) AS duration_p95_ms
FROM llm_tool_call
WHERE
    occurred_on BETWEEN getvariable('first_utc') AND getvariable('last_utc')
    AND occurred_at >= getvariable('since')
    AND occurred_at < getvariable('until')
GROUP BY tool_name
ORDER BY calls DESC, tool_name ASC
LIMIT 50;
