-- Gemini's functionCall with the functionResponse that answered it, or one of them alone.
SELECT
    json_best(part.called -> 'id', part.answered -> 'id', event.p -> 'id') AS tool_call_id,
    json_best(part.called -> 'name', part.answered -> 'name', event.p -> 'name') AS tool_name,
    json_best(part.called -> 'args', part.called -> 'arguments') AS arguments,
    json_best(
        CASE jsonb_typeof(part.answered)
            WHEN 'object' THEN part.answered -> 'response'
            ELSE part.answered
        END,
        event.p -> 'output'
    ) AS result,
    -- What went wrong stands under `error` by convention.
    CASE
        WHEN json_filled(part.answered #> '{response,error}') IS NOT NULL THEN 'true'::jsonb
        WHEN part.answered #> '{response,output}' IS NOT NULL THEN 'false'::jsonb
    END AS is_error,
    NULL::jsonb AS error_type,
    NULL::jsonb AS duration_ms
FROM (
    SELECT
        json_opened(
            json_best(
                event.p -> 'functionCall', event.p -> 'function_call',
                event.p #> '{call,functionCall}', event.p #> '{call,function_call}',
                event.p -> 'call'
            )
        ) AS called,
        json_opened(
            json_best(
                event.p -> 'functionResponse', event.p -> 'function_response',
                json_opened(json_best(event.p -> 'output', event.p -> 'result'))
                -> 'functionResponse',
                json_opened(json_best(event.p -> 'output', event.p -> 'result'))
                -> 'function_response',
                json_best(event.p -> 'output', event.p -> 'result', event.p -> 'response')
            )
        ) AS answered
) AS part
WHERE recognized.shape = 'gemini'
