-- Which tools fail most, and with what?
SELECT
    tool_name,
    count(*) AS calls,
    count(*) FILTER (WHERE is_error) AS errors,
    count(*) FILTER (WHERE is_error) / nullif(count(is_error), 0) AS error_rate,
    mode(error_type) FILTER (WHERE is_error) AS usual_error,
    quantile_cont(duration_ms, 0.95) AS duration_p95_ms
FROM llm_tool_call
GROUP BY tool_name
ORDER BY errors DESC, calls DESC, tool_name ASC;
