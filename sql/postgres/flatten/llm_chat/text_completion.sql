-- OpenAI's text completions, and llama.cpp's own: a prompt instead of messages.
SELECT
    NULL::jsonb AS about,
    openai_messages(
        CASE
            WHEN choices.choice_no = 0
                THEN json_first(event.p -> 'prompt', pair.request -> 'prompt')
        END
    ) AS messages,
    json_said(
        jsonb_build_object(
            'content',
            json_first(
                pair.response -> 'choices' -> choices.choice_no -> 'text',
                CASE jsonb_typeof(pair.response)
                    WHEN 'string' THEN pair.response
                    ELSE pair.response -> 'content'
                END
            )
        )
    ) AS answer,
    json_first(
        pair.response -> 'choices' -> choices.choice_no -> 'finish_reason',
        CASE pair.response ->> 'stop_type'
            WHEN 'limit' THEN '"length"'::jsonb
            WHEN 'eos' THEN '"stop"'::jsonb
            WHEN 'word' THEN '"stop"'::jsonb
        END
    ) AS finish_reason,
    json_first(
        json_first(event.p -> 'usage', pair.response -> 'usage'),
        json_said(
            jsonb_build_object(
                'prompt_tokens', pair.response -> 'tokens_evaluated',
                'completion_tokens', pair.response -> 'tokens_predicted',
                'cached_tokens', pair.response -> 'tokens_cached'
            )
        )
    ) AS usage,
    server_timings(
        json_first(event.p -> 'timings', pair.response -> 'timings'),
        json_first(event.p -> 'metrics', pair.response -> 'metrics'),
        json_first(event.p -> 'usage', pair.response -> 'usage')
    ) AS timings,
    CASE
        WHEN jsonb_typeof(event.p -> 'parameters') = 'object' THEN event.p -> 'parameters'
        WHEN
            jsonb_typeof(pair.request) = 'object'
            AND (pair.has_request OR pair.request ?| '{max_tokens,n_predict,temperature}'::text[])
            THEN pair.request - '{
                id,object,created,prompt,response,usage,timings,metrics,choices,error,
                session_id,slot,role,provider,user_id,client,tags,status
            }'::text[]
    END AS parameters,
    NULL::jsonb AS tools
WHERE recognized.shape = 'text_completion'
