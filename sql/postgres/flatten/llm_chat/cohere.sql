-- Cohere's chat, of its second API and of its first. Of the tokens those count that the model saw;
-- those that are billed leave some out.
SELECT
    json_said(
        jsonb_build_object(
            'session_id', json_first(pair.request -> 'conversation_id', NULL),
            'error',
            CASE
                WHEN upper(pair.response ->> 'finish_reason') IN ('ERROR', 'ERROR_TOXIC')
                    THEN json_first(pair.response -> 'error', pair.response -> 'finish_reason')
            END,
            'error_kind',
            CASE
                WHEN upper(pair.response ->> 'finish_reason') IN ('ERROR', 'ERROR_TOXIC')
                    THEN pair.response -> 'finish_reason'
            END
        )
    ) AS about,
    CASE
        WHEN jsonb_typeof(pair.request -> 'preamble') = 'string'
            THEN jsonb_build_array(
                jsonb_build_object('role', 'system', 'content', pair.request -> 'preamble')
            )
        ELSE '[]'::jsonb
    END
    || openai_messages(
        json_best(
            pair.request -> 'messages', event.p -> 'messages', pair.request -> 'chat_history'
        )
    )
    || CASE
        WHEN jsonb_typeof(pair.request -> 'message') = 'string'
            THEN openai_message(pair.request -> 'message')
        ELSE '[]'::jsonb
    END AS messages,
    CASE
        WHEN jsonb_typeof(pair.response -> 'message') = 'object'
            THEN answered_message(pair.response -> 'message')
        WHEN pair.response ?| '{text,tool_calls}'::text[]
            THEN answered_message(
                json_picked(pair.response, '{text,tool_calls}')
            )
    END AS answer,
    pair.response -> 'finish_reason' AS finish_reason,
    json_merged(
        event.p -> 'usage',
        json_said(
            jsonb_build_object(
                'prompt_tokens',
                json_first(
                    told.usage #> '{tokens,input_tokens}', told.usage -> 'input_tokens',
                    told.usage #> '{billed_units,input_tokens}'
                ),
                'completion_tokens',
                json_first(
                    told.usage #> '{tokens,output_tokens}', told.usage -> 'output_tokens',
                    told.usage #> '{billed_units,output_tokens}'
                ),
                'cached_tokens', told.usage -> 'cached_tokens'
            )
        )
    ) AS usage,
    event.p -> 'timings' AS timings,
    CASE
        WHEN jsonb_typeof(event.p -> 'parameters') = 'object' THEN event.p -> 'parameters'
        WHEN jsonb_typeof(pair.request) = 'object' AND pair.has_request
            THEN json_said(
                pair.request
                - '{messages,message,chat_history,preamble,tools,conversation_id}'::text[]
            )
    END AS parameters,
    openai_tools(json_first(event.p -> 'tools', pair.request -> 'tools')) AS tools
FROM (
    SELECT json_opened(json_first(pair.response -> 'usage', pair.response -> 'meta')) AS usage
) AS told
WHERE recognized.shape = 'cohere'
