-- OpenTelemetry's execute_tool span.
SELECT
    span.named -> 'gen_ai.tool.call.id' AS tool_call_id,
    span.named -> 'gen_ai.tool.name' AS tool_name,
    span.named -> 'gen_ai.tool.call.arguments' AS arguments,
    json_opened(span.named -> 'gen_ai.tool.call.result') AS result,
    CASE
        WHEN span.named -> 'error.type' <> 'null'::jsonb OR event.p #>> '{status,code}' = '2'
            THEN 'true'::jsonb
    END AS is_error,
    span.named -> 'error.type' AS error_type,
    json_span_ms(
        json_first(event.p -> 'startTimeUnixNano', event.p -> 'start_time'),
        json_first(event.p -> 'endTimeUnixNano', event.p -> 'end_time')
    ) AS duration_ms
FROM (
    SELECT otel_attributes(event.p) AS named
    OFFSET 0
) AS span
WHERE recognized.shape = 'opentelemetry'
