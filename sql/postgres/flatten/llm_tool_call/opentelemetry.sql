-- OpenTelemetry's execute_tool span.
SELECT
    span.named -> 'gen_ai.tool.call.id' AS tool_call_id,
    json_best(
        span.named -> 'gen_ai.tool.name',
        to_jsonb(substring(event.p ->> 'name' FROM '^execute_tool (.+)$'))
    ) AS tool_name,
    json_best(
        span.named -> 'gen_ai.tool.call.arguments', span.named -> 'gen_ai.tool.arguments'
    ) AS arguments,
    json_opened(
        json_best(span.named -> 'gen_ai.tool.call.result', span.named -> 'gen_ai.tool.result')
    ) AS result,
    CASE json_text(span.status) WHEN 'error' THEN 'true'::jsonb WHEN 'ok' THEN 'false'::jsonb END
        AS is_error,
    otel_error(event.p, span.named) AS error_type,
    otel_ms(event.p) AS duration_ms
FROM (
    SELECT
        attributes.named,
        otel_status(event.p, attributes.named) AS status
    FROM (SELECT otel_attributes(event.p) AS named OFFSET 0) AS attributes
    OFFSET 0
) AS span
WHERE recognized.shape = 'opentelemetry'
