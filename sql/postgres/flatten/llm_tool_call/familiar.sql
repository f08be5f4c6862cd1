-- familiar's own shape.
SELECT
    event.p -> 'id' AS tool_call_id,
    event.p -> 'name' AS tool_name,
    json_first(
        nullif(event.p -> 'arguments', '""'::jsonb), event.p -> 'input', event.p -> 'arguments'
    ) AS arguments,
    json_first(
        nullif(event.p -> 'result', '""'::jsonb), event.p -> 'output', event.p -> 'result'
    ) AS result,
    CASE
        WHEN event.p -> 'is_error' <> 'null'::jsonb THEN NULL
        WHEN
            event.p ->> 'status' IN ('error', 'failed', 'failure')
            OR json_filled(event.p -> 'error') IS NOT NULL
            OR NOT json_boolean(event.p -> 'success')
            THEN 'true'::jsonb
    END AS is_error,
    NULL::jsonb AS error_type,
    NULL::jsonb AS duration_ms
WHERE recognized.shape = 'familiar'
