-- Ollama's own API (chat and generate): arguments as objects, durations in nanoseconds.
SELECT
    NULL::jsonb AS about,
    CASE
        WHEN jsonb_typeof(pair.request -> 'system') = 'string'
            THEN jsonb_build_array(
                jsonb_build_object('role', 'system', 'content', pair.request -> 'system')
            )
        ELSE '[]'::jsonb
    END
    || CASE
        WHEN json_first(event.p -> 'messages', pair.request -> 'messages') IS NOT NULL
            THEN openai_messages(json_first(event.p -> 'messages', pair.request -> 'messages'))
        WHEN pair.request ? 'prompt'
            THEN openai_message(
                json_said(
                    jsonb_build_object(
                        'role', 'user',
                        'content', pair.request -> 'prompt',
                        'images', pair.request -> 'images'
                    )
                )
            )
        ELSE '[]'::jsonb
    END AS messages,
    CASE
        WHEN jsonb_typeof(told.reply -> 'message') = 'object'
            THEN answered_message(told.reply -> 'message')
        ELSE json_said(
            jsonb_build_object(
                'content',
                json_first(
                    CASE jsonb_typeof(told.reply -> 'response')
                        WHEN 'string' THEN told.reply -> 'response'
                    END,
                    CASE jsonb_typeof(told.reply) WHEN 'string' THEN told.reply END
                ),
                'reasoning_content', json_best(told.reply -> 'thinking', event.p -> 'thinking')
            )
        )
    END AS answer,
    told.reply -> 'done_reason' AS finish_reason,
    json_first(
        json_filled(event.p -> 'usage'),
        jsonb_build_object(
            'prompt_tokens', told.reply -> 'prompt_eval_count',
            'completion_tokens', told.reply -> 'eval_count'
        )
    ) AS usage,
    json_first(
        json_filled(event.p -> 'timings'),
        jsonb_build_object(
            'ttft_ms',
            json_first(
                to_jsonb(
                    json_float(json_ms(told.reply -> 'load_duration', 1e6))
                    + json_float(json_ms(told.reply -> 'prompt_eval_duration', 1e6))
                ),
                json_ms(told.reply -> 'prompt_eval_duration', 1e6)
            ),
            'duration_ms', json_ms(told.reply -> 'total_duration', 1e6),
            'prompt_per_second',
            json_speed(
                json_bigint(told.reply -> 'prompt_eval_count'),
                json_ms(told.reply -> 'prompt_eval_duration', 1e6)
            ),
            'predicted_per_second',
            json_speed(
                json_bigint(told.reply -> 'eval_count'),
                json_ms(told.reply -> 'eval_duration', 1e6)
            )
        )
    ) AS timings,
    CASE
        WHEN jsonb_typeof(event.p -> 'parameters') = 'object' THEN event.p -> 'parameters'
        WHEN jsonb_typeof(pair.request) = 'object'
            THEN json_said(
                pair.request - '{
                    messages,tools,prompt,system,images,options,response,message,context,usage,
                    timings,done,done_reason,created_at,total_duration,load_duration,thinking,
                    prompt_eval_count,prompt_eval_duration,eval_count,eval_duration,error,
                    session_id,slot,role,provider,user_id,client,tags,status,chunks,events
                }'::text[]
            )
            || CASE jsonb_typeof(pair.request -> 'options')
                WHEN 'object' THEN pair.request -> 'options'
                ELSE '{}'::jsonb
            END
    END AS parameters,
    openai_tools(json_first(event.p -> 'tools', pair.request -> 'tools')) AS tools
FROM (
    -- generate's answer is a member `response`, which is no pair's.
    SELECT
        CASE
            WHEN
                jsonb_typeof(pair.response) = 'object'
                AND (
                    pair.has_request
                    OR jsonb_typeof(event.p -> 'response') IS DISTINCT FROM 'string'
                    OR NOT event.p ?| '{done,done_reason,eval_count,total_duration}'::text[]
                )
                THEN pair.response
            ELSE event.p
        END AS reply
) AS told
WHERE recognized.shape = 'ollama'
