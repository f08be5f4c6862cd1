-- The Model Context Protocol: tools/call with its parameters, and the result or the error.
SELECT
    json_first(event.p -> 'id', event.p #> '{request,id}') AS tool_call_id,
    json_first(call.params -> 'name', event.p -> 'name') AS tool_name,
    json_first(call.params -> 'arguments', event.p -> 'arguments') AS arguments,
    json_first(
        call.result -> 'structuredContent',
        json_first(call.result -> 'content', event.p -> 'content'),
        call.result,
        call.error -> 'message'
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
        json_first(event.p -> 'params', event.p #> '{request,params}') AS params,
        json_first(event.p #> '{response,result}', event.p -> 'result') AS result,
        json_first(
            json_filled(event.p -> 'error'), json_filled(event.p #> '{response,error}')
        ) AS error
) AS call
WHERE recognized.shape = 'mcp'
