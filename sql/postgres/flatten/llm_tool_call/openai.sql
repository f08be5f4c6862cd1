-- OpenAI's call (of chat completions, or of Responses) with the output that answered it.
SELECT
    json_first(
        called.call -> 'call_id', called.call -> 'id', called.call -> 'tool_call_id'
    ) AS tool_call_id,
    json_first(called.call #> '{function,name}', called.call -> 'name') AS tool_name,
    json_first(called.call #> '{function,arguments}', called.call -> 'arguments') AS arguments,
    json_first(
        CASE jsonb_typeof(event.p -> 'output')
            WHEN 'object' THEN json_first(event.p #> '{output,output}', event.p -> 'output')
            ELSE event.p -> 'output'
        END,
        json_first(event.p -> 'result', event.p #> '{message,content}'),
        event.p -> 'content'
    ) AS result,
    CASE
        WHEN
            json_filled(event.p -> 'error') IS NOT NULL
            OR event.p ->> 'status' IN ('error', 'failed')
            THEN 'true'::jsonb
    END AS is_error,
    NULL::jsonb AS error_type,
    NULL::jsonb AS duration_ms
FROM (
    SELECT json_first(event.p -> 'tool_call', event.p) AS call
) AS called
WHERE recognized.shape = 'openai'
