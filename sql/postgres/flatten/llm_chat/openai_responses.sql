-- OpenAI's Responses API: items instead of messages, `instructions` for a system message.
SELECT
    json_said(
        jsonb_build_object(
            'session_id',
            json_first(
                json_first(
                    pair.response #> '{conversation,id}', pair.request #> '{conversation,id}'
                ),
                CASE jsonb_typeof(pair.request -> 'conversation')
                    WHEN 'string' THEN pair.request -> 'conversation'
                END
            ),
            'user_id', json_first(pair.request -> 'user', pair.response -> 'user')
        )
    ) AS about,
    CASE
        WHEN jsonb_typeof(told.instructions) = 'string'
            THEN jsonb_build_array(
                jsonb_build_object('role', 'system', 'content', told.instructions)
            )
        ELSE openai_messages(told.instructions)
    END || openai_messages(
        json_best(
            pair.request -> 'input', pair.request -> 'messages', event.p -> 'messages'
        )
    ) AS messages,
    response_answer(
        CASE
            WHEN
                jsonb_typeof(pair.response -> 'output') IN ('array', 'string')
                OR pair.response -> 'output' ?| '{role,content}'::text[]
                THEN pair.response
        END,
        0
    ) AS answer,
    CASE
        WHEN pair.response #>> '{incomplete_details,reason}' IS NOT NULL
            THEN pair.response #> '{incomplete_details,reason}'
        -- Calls that whoever asked is to make.
        WHEN
            pair.response @? '$.output[*].type ? (
                @ == "function_call" || @ == "custom_tool_call" || @ == "local_shell_call"
                || @ == "shell_call" || @ == "computer_call" || @ == "apply_patch_call"
            )'
            THEN '"tool_calls"'::jsonb
        WHEN pair.response ->> 'status' = 'completed' THEN '"stop"'::jsonb
    END AS finish_reason,
    json_merged(event.p -> 'usage', pair.response -> 'usage') AS usage,
    event.p -> 'timings' AS timings,
    json_said(
        jsonb_build_object(
            'temperature',
            json_first(pair.request -> 'temperature', pair.response -> 'temperature'),
            'top_p', json_first(pair.request -> 'top_p', pair.response -> 'top_p'),
            'max_output_tokens',
            json_first(pair.request -> 'max_output_tokens', pair.response -> 'max_output_tokens')
        )
    )
    || CASE
        WHEN pair.has_request AND jsonb_typeof(pair.request) = 'object'
            THEN json_said(pair.request - '{input,instructions,tools,messages}'::text[])
        WHEN jsonb_typeof(event.p -> 'parameters') = 'object' THEN event.p -> 'parameters'
        ELSE '{}'::jsonb
    END AS parameters,
    openai_tools(
        nullif(json_first(pair.request -> 'tools', pair.response -> 'tools'), '[]'::jsonb)
    ) AS tools
FROM (
    SELECT json_first(pair.request -> 'instructions', pair.response -> 'instructions')
        AS instructions
) AS told
WHERE recognized.shape = 'openai_responses'
