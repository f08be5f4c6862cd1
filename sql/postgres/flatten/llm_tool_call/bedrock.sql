-- AWS Bedrock's toolUse with the toolResult that answered it, or one of them alone.
SELECT
    json_best(
        block.used -> 'toolUseId', block.answered -> 'toolUseId', event.p -> 'toolUseId'
    ) AS tool_call_id,
    json_best(block.used -> 'name', event.p -> 'name') AS tool_name,
    json_best(block.used -> 'input', event.p -> 'input') AS arguments,
    CASE
        WHEN jsonb_typeof(block.answered) <> 'object' THEN block.answered
        WHEN
            block.answered #> '{content,0,json}' IS NOT NULL
            AND block.answered #> '{content,1}' IS NULL
            THEN block.answered #> '{content,0,json}'
        ELSE block.answered -> 'content'
    END AS result,
    CASE block.answered ->> 'status'
        WHEN 'error' THEN 'true'::jsonb
        WHEN 'success' THEN 'false'::jsonb
    END AS is_error,
    NULL::jsonb AS error_type,
    NULL::jsonb AS duration_ms
FROM (
    SELECT
        json_opened(
            json_best(
                event.p -> 'toolUse', event.p #> '{call,toolUse}', event.p -> 'call',
                CASE WHEN event.p ? 'input' THEN event.p END
            )
        ) AS used,
        json_opened(
            json_best(
                event.p -> 'toolResult',
                json_opened(json_best(event.p -> 'output', event.p -> 'result')) -> 'toolResult',
                json_best(event.p -> 'output', event.p -> 'result'),
                CASE WHEN event.p ?| '{content,status}'::text[] THEN event.p END
            )
        ) AS answered
) AS block
WHERE recognized.shape = 'bedrock'
