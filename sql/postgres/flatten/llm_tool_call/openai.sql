-- OpenAI's call (of chat completions, of Responses, or the legacy function_call) with the output
-- that answered it, beside it or wrapped. What a custom tool takes is a text, whatever it holds.
SELECT
    json_best(
        called.call -> 'id', called.call -> 'call_id', called.call -> 'tool_call_id',
        event.p -> 'call_id', event.p -> 'id'
    ) AS tool_call_id,
    json_best(called.call #> '{function,name}', called.call -> 'name', event.p -> 'name')
        AS tool_name,
    CASE
        WHEN called.is_custom AND jsonb_typeof(called.arguments) = 'string'
            THEN to_jsonb(called.arguments::text)
        ELSE called.arguments
    END AS arguments,
    json_best(
        CASE jsonb_typeof(json_opened(event.p -> 'output'))
            WHEN 'object'
                THEN json_best(json_opened(event.p -> 'output') -> 'output', event.p -> 'output')
            ELSE event.p -> 'output'
        END,
        event.p -> 'result', event.p #> '{message,content}', event.p -> 'content'
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
    SELECT
        told.call,
        told.is_custom,
        json_best(
            told.call #> '{function,arguments}', told.call -> 'arguments', told.call -> 'input',
            event.p -> 'arguments'
        ) AS arguments
    FROM (
        SELECT
            openai_call(wrapped.call) AS call,
            wrapped.call ->> 'type' IN ('custom', 'custom_tool_call') AS is_custom
        FROM (
            SELECT
                json_opened(
                    json_best(
                        event.p -> 'tool_call', event.p -> 'call',
                        json_opened(event.p -> 'tool_calls') -> 0, event.p
                    )
                ) AS call
        ) AS wrapped
    ) AS told
) AS called
WHERE recognized.shape = 'openai'
