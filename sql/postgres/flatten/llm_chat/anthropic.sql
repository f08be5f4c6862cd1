-- Anthropic's Messages. Its input_tokens leave out what the cache gave and took: all three are the
-- input (the head of this statement adds them up).
SELECT
    json_said(
        jsonb_build_object(
            'user_id', pair.request #> '{metadata,user_id}',
            'error',
            CASE WHEN pair.response ->> 'type' = 'error' THEN pair.response -> 'error' END
        )
    ) AS about,
    CASE
        WHEN content_text(pair.request -> 'system') IS NOT NULL
            THEN jsonb_build_array(
                jsonb_build_object(
                    'role', 'system', 'content', content_text(pair.request -> 'system')
                )
            )
        ELSE '[]'::jsonb
    END
    || openai_messages(json_first(event.p -> 'messages', pair.request -> 'messages')) AS messages,
    CASE
        WHEN pair.response ->> 'type' = 'error' THEN NULL
        WHEN pair.has_response OR pair.response ->> 'type' = 'message'
            THEN answered_message(
                CASE jsonb_typeof(pair.response)
                    WHEN 'object'
                        THEN jsonb_build_object(
                            'content', pair.response -> 'content',
                            'reasoning_content',
                            json_best(
                                pair.response -> 'reasoning_content', pair.response -> 'reasoning'
                            ),
                            'text', pair.response -> 'text',
                            'tool_calls', pair.response -> 'tool_calls'
                        )
                    ELSE pair.response
                END
            )
    END AS answer,
    json_first(
        pair.response -> 'stop_reason', pair.response -> 'finish_reason'
    ) AS finish_reason,
    json_merged(event.p -> 'usage', pair.response -> 'usage') AS usage,
    event.p -> 'timings' AS timings,
    CASE
        WHEN jsonb_typeof(event.p -> 'parameters') = 'object' THEN event.p -> 'parameters'
        WHEN
            jsonb_typeof(pair.request) = 'object'
            AND (pair.has_request OR pair.request ? 'max_tokens')
            THEN pair.request - '{
                messages,tools,system,metadata,response,usage,timings,error,
                session_id,slot,role,provider,user_id,client,tags,status
            }'::text[]
    END AS parameters,
    openai_tools(json_first(event.p -> 'tools', pair.request -> 'tools')) AS tools
WHERE recognized.shape = 'anthropic'
