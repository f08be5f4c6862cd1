-- Which tools fail most, and with what?
WITH tool AS (
    SELECT
        tool_name,
        sum_of(calls) AS calls,
        sum_of(errors) AS errors,
        sum_of(coalesce(outcomes, calls)) AS outcomes, -- earlier files took all calls for these
        merge_counts(list(error_types)) AS error_types,
        merge_counts(list(duration_ms_sketch)) AS duration_ms_sketch
    FROM daily_tool_calls
    WHERE day BETWEEN getvariable('since') AND getvariable('until')
    GROUP BY tool_name
)

SELECT
    tool_name,
    calls,
    errors,
    errors / nullif(outcomes, 0) AS error_rate,
    map_keys(error_types)[
        list_position(map_values(error_types), list_max(map_values(error_types)))
    ] AS usual_error,
    sketch_quantile(duration_ms_sketch, 0.95) AS duration_p95_ms
FROM tool
ORDER BY errors DESC, calls DESC, tool_name ASC;
