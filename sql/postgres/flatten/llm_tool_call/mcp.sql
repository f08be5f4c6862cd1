-- The Model Context Protocol: tools/call with its parameters, and the result or the error.
SELECT
    json_best(event.p -> 'id', call.request -> 'id') AS tool_call_id,
    json_best(call.params -> 'name', event.p -> 'name') AS tool_name,
    json_best(call.params -> 'arguments', event.p -> 'arguments') AS arguments,
    json_best(
        call.result -> 'structuredContent', json_opened(call.result -> 'content'),
        event.p -> 'content', call.result, call.error -> 'message', call.error
    ) AS result,
    json_first(
        call.result -> 'isError', event.p -> 'isError',
        CASE
            WHEN call.error IS NOT NULL THEN 'true'::jsonb
            WHEN call.result IS NOT NULL THEN 'false'::jsonb
        END
    ) AS is_error,
    json_first(call.error -> 'type', call.error -> 'code') AS error_type,
    NULL::jsonb AS duration_ms
FROM (
    SELECT
        sides.request,
        json_opened(json_best(event.p -> 'params', sides.request -> 'params', sides.request))
            AS params,
        json_opened(
            json_best(sides.response -> 'result', event.p -> 'result', event.p -> 'output')
        ) AS result,
        json_opened(
            json_first(json_filled(event.p -> 'error'), json_filled(sides.response -> 'error'))
        ) AS error
    FROM (
        SELECT
            json_opened(json_best(event.p -> 'request', event.p -> 'call')) AS request,
            json_opened(event.p -> 'response') AS response
    ) AS sides
) AS call
WHERE recognized.shape = 'mcp'
