-- OpenAI's text completions, and llama.cpp's own: a prompt instead of messages.
SELECT
    NULL::jsonb AS about,
    openai_messages(
        CASE
            WHEN choices.choice_no = 0
                THEN json_best(
                    event.p -> 'prompt', pair.request -> 'prompt', pair.request -> 'messages',
                    event.p -> 'messages'
                )
        END
    ) AS messages,
    json_said(
        jsonb_build_object(
            'content',
            json_best(
                pair.response -> 'choices' -> choices.choice_no -> 'text',
                CASE jsonb_typeof(pair.response)
                    WHEN 'string' THEN pair.response
                    ELSE json_best(
                        pair.response -> 'content', pair.response -> 'completion',
                        pair.response -> 'text', pair.response -> 'output'
                    )
                END
            )
        )
    ) AS answer,
    json_first(
        nullif(
            pair.response -> 'choices' -> choices.choice_no -> 'finish_reason', '""'::jsonb
        ),
        -- llama.cpp's word, and the three booleans that it had before.
        CASE
            WHEN
                pair.response ->> 'stop_type' = 'limit'
                OR json_boolean(pair.response -> 'stopped_limit')
                THEN '"length"'::jsonb
            WHEN
                pair.response ->> 'stop_type' IN ('eos', 'word')
                OR json_boolean(pair.response -> 'stopped_eos')
                OR json_boolean(pair.response -> 'stopped_word')
                THEN '"stop"'::jsonb
        END
    ) AS finish_reason,
    json_first(
        json_merged(event.p -> 'usage', pair.response -> 'usage'),
        json_said(
            jsonb_build_object(
                'prompt_tokens', pair.response -> 'tokens_evaluated',
                'completion_tokens', pair.response -> 'tokens_predicted',
                'cached_tokens',
                json_first(
                    json_first(event.p -> 'timings', pair.response -> 'timings') -> 'cache_n',
                    -- As a rule it counts the whole context, which is never less than the prompt;
                    -- one token of a prompt is always read anew.
                    CASE
                        WHEN
                            json_numeric(pair.response -> 'tokens_cached')
                            < json_numeric(pair.response -> 'tokens_evaluated')
                            AND json_boolean(pair.response -> 'truncated') IS NOT TRUE
                            THEN pair.response -> 'tokens_cached'
                    END
                )
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
                id,object,created,prompt,messages,response,usage,timings,metrics,choices,error,
                session_id,slot,role,provider,user_id,client,tags,status
            }'::text[]
    END AS parameters,
    NULL::jsonb AS tools
WHERE recognized.shape = 'text_completion'
