-- Tool calls of a day by tool: how many, how many failed, how long they took.

-- (Read again for each use, and told apart by a hash: kept aside, millions of arguments would not
-- fit into memory.)
WITH called AS NOT MATERIALIZED (
    SELECT
        occurred_on,
        event_id,
        occurred_at,
        tool_name,
        correlation_id,
        arguments,
        hash(correlation_id, tool_name, arguments) AS what,
        is_error,
        error_type,
        duration_ms
    FROM llm_tool_call
    WHERE occurred_on = $day
),

-- Of what never failed nothing was tried again: most calls need not be put in order.
followed AS (
    SELECT
        tool_name,
        lag(is_error) OVER (
            PARTITION BY what ORDER BY occurred_at, event_id
        ) AS last_failed
    FROM called
    WHERE
        correlation_id IS NOT NULL
        AND what IN (
            SELECT failed.what FROM called AS failed
            WHERE failed.is_error
        )
),

retried AS (
    SELECT
        tool_name,
        count(*) AS retries
    FROM followed
    WHERE last_failed
    GROUP BY tool_name
)

SELECT
    called.occurred_on AS day,
    called.tool_name,
    count(*) AS calls,
    count(*) FILTER (WHERE called.is_error) AS errors,
    count(called.is_error) AS outcomes, -- calls of which it is known whether they failed
    count(*) FILTER (WHERE called.is_error) / nullif(count(called.is_error), 0) AS error_rate,
    histogram(called.error_type) FILTER (WHERE called.is_error) AS error_types, -- how many of each
    -- calls right after a failed one of the same session, tool and arguments
    coalesce(any_value(retried.retries), 0) AS retries,
    count_distinct(called.correlation_id) AS sessions,
    sketch(called.duration_ms) AS duration_ms_sketch,
    sketch_quantile(duration_ms_sketch, 0.5) AS duration_p50_ms,
    sketch_quantile(duration_ms_sketch, 0.95) AS duration_p95_ms,
    sketch_quantile(duration_ms_sketch, 0.99) AS duration_p99_ms
FROM called
LEFT JOIN retried ON called.tool_name IS NOT DISTINCT FROM retried.tool_name
GROUP BY called.occurred_on, called.tool_name
ORDER BY called.occurred_on, called.tool_name;
