-- Anthropic's tool_use block with the tool_result block that answered it, or one of them alone.
SELECT
    json_best(
        block.used -> 'id', block.answered -> 'tool_use_id', event.p -> 'tool_use_id'
    ) AS tool_call_id,
    json_best(block.used -> 'name', event.p -> 'name') AS tool_name,
    json_best(block.used -> 'input', event.p -> 'input') AS arguments,
    json_best(
        CASE jsonb_typeof(block.answered)
            WHEN 'object' THEN block.answered -> 'content'
            ELSE block.answered
        END,
        event.p -> 'content', event.p -> 'output'
    ) AS result,
    json_first(block.answered -> 'is_error', event.p -> 'is_error') AS is_error,
    NULL::jsonb AS error_type,
    NULL::jsonb AS duration_ms
FROM (
    SELECT
        CASE
            WHEN jsonb_typeof(event.p -> 'tool_use') = 'object' THEN event.p -> 'tool_use'
            WHEN event.p ->> 'type' = 'tool_use' THEN event.p
            WHEN event.p #>> '{call,type}' = 'tool_use' THEN event.p -> 'call'
        END AS used,
        CASE
            WHEN event.p ? 'tool_result' THEN event.p -> 'tool_result'
            WHEN event.p ->> 'type' = 'tool_result' THEN event.p
            ELSE json_opened(json_best(event.p -> 'result', event.p -> 'output'))
        END AS answered
) AS block
WHERE recognized.shape = 'anthropic'
