-- ShareGPT's conversations: from and value. The last turn, if it is the model's, is the answer.
SELECT
    json_said(
        jsonb_build_object(
            'session_id', json_first(event.p -> 'conversation_id', event.p -> 'id'),
            'client', event.p -> 'source'
        )
    ) AS about,
    CASE
        WHEN told.answers THEN turns.messages - -1
        ELSE turns.messages
    END AS messages,
    CASE WHEN told.answers THEN turns.messages -> -1 END AS answer,
    event.p -> 'finish_reason' AS finish_reason,
    event.p -> 'usage' AS usage,
    event.p -> 'timings' AS timings,
    event.p -> 'parameters' AS parameters,
    openai_tools(event.p -> 'tools') AS tools
FROM (
    SELECT
        CASE
            WHEN jsonb_typeof(event.p -> 'system') = 'string'
                THEN jsonb_build_array(
                    jsonb_build_object('role', 'system', 'content', event.p -> 'system')
                )
            ELSE '[]'::jsonb
        END
        || openai_messages(
            CASE jsonb_typeof(event.p) WHEN 'array' THEN event.p ELSE event.p -> 'conversations' END
        ) AS messages
) AS turns
CROSS JOIN LATERAL (
    SELECT coalesce(turns.messages -> -1 ->> 'role' = 'assistant', FALSE) AS answers
) AS told
WHERE recognized.shape = 'sharegpt'
