-- Tool calls of a day by tool: how many, how many failed, how long they took.
WITH called AS (
    SELECT
        occurred_on,
        tool_name,
        correlation_id,
        is_error,
        error_type,
        duration_ms,
        lag(is_error) OVER (
            PARTITION BY correlation_id, tool_name, md5(arguments)
            ORDER BY occurred_at, event_id
        ) AS last_failed
    FROM llm_tool_call
    WHERE occurred_on = $day
)

SELECT
    occurred_on AS day,
    tool_name,
    count(*) AS calls,
    count(*) FILTER (WHERE is_error) AS errors,
    count(*) FILTER (WHERE is_error) / count(*) AS error_rate,
    histogram(error_type) FILTER (WHERE is_error) AS error_types, -- how many of each
    -- calls right after a failed one of the same session, tool and arguments
    count(*) FILTER (WHERE last_failed AND correlation_id IS NOT NULL) AS retries,
    count(DISTINCT correlation_id) AS sessions,
    sketch(duration_ms) AS duration_ms_sketch,
    sketch_quantile(duration_ms_sketch, 0.5) AS duration_p50_ms,
    sketch_quantile(duration_ms_sketch, 0.95) AS duration_p95_ms,
    sketch_quantile(duration_ms_sketch, 0.99) AS duration_p99_ms
FROM called
GROUP BY day, tool_name
ORDER BY day, tool_name;
