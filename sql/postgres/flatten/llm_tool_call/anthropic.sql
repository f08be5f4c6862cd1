-- Anthropic's tool_use block with the tool_result block that answered it, or one of them alone.
SELECT
    json_first(
        block.used -> 'id',
        json_first(block.answered -> 'tool_use_id', event.p -> 'tool_use_id')
    ) AS tool_call_id,
    json_first(block.used -> 'name', event.p -> 'name') AS tool_name,
    json_first(block.used -> 'input', event.p -> 'input') AS arguments,
    json_first(block.answered -> 'content', event.p -> 'content') AS result,
    json_first(block.answered -> 'is_error', event.p -> 'is_error') AS is_error,
    NULL::jsonb AS error_type,
    NULL::jsonb AS duration_ms
FROM (
    SELECT
        CASE
            WHEN jsonb_typeof(event.p -> 'tool_use') = 'object' THEN event.p -> 'tool_use'
            WHEN event.p ->> 'type' = 'tool_use' THEN event.p
        END AS used,
        CASE
            WHEN jsonb_typeof(event.p -> 'tool_result') = 'object' THEN event.p -> 'tool_result'
            WHEN event.p ->> 'type' = 'tool_result' THEN event.p
        END AS answered
) AS block
WHERE recognized.shape = 'anthropic'
