-- familiar's own shape, and OpenAI's chat completions: a pair, one side of it, or a stream's chunks
-- put together. llama.cpp's `timings` and vLLM's `metrics` may stand in it.
SELECT
    NULL::jsonb AS about,
    CASE
        WHEN choices.choice_no > 0 THEN '[]'::jsonb
        WHEN
            jsonb_typeof(told.messages) = 'array'
            AND NOT told.messages @> '[{"function_call": {}}]'
            THEN told.messages
        ELSE openai_messages(told.messages)
    END AS messages,
    CASE
        WHEN
            jsonb_typeof(told.answer) = 'object'
            AND NOT told.answer ? 'function_call'
            AND coalesce(jsonb_typeof(told.answer -> 'content'), '') <> 'array'
            THEN CASE
                WHEN jsonb_typeof(told.answer -> 'tool_calls') = 'array'
                    THEN told.answer
                        || jsonb_build_object(
                            'tool_calls', openai_calls(told.answer -> 'tool_calls')
                        )
                ELSE told.answer
            END
        WHEN told.answer IS NOT NULL AND told.answer <> 'null'::jsonb
            THEN answered_message(told.answer)
    END AS answer,
    json_first(told.choice -> 'finish_reason', pair.response -> 'finish_reason') AS finish_reason,
    told.usage,
    CASE
        WHEN
            told.metrics IS NOT NULL
            OR told.timings ?| '{prompt_n,prompt_ms,predicted_n,predicted_ms}'::text[]
            THEN server_timings(told.timings, told.metrics, told.usage)
        ELSE told.timings
    END AS timings,
    CASE
        WHEN
            jsonb_typeof(event.p -> 'parameters') = 'object'
            AND (event.p -> 'parameters' <> '{}'::jsonb OR NOT pair.has_request)
            THEN event.p -> 'parameters'
        WHEN jsonb_typeof(pair.request) <> 'object' THEN NULL
        WHEN pair.has_request THEN pair.request - '{messages,tools,functions}'::text[]
        WHEN event.p ?| '{temperature,max_tokens,max_completion_tokens,top_p}'::text[]
            THEN event.p - '{
                messages,tools,functions,response,usage,timings,metrics,choices,parameters,error,
                session_id,slot,role,provider,user_id,client,tags,status
            }'::text[]
    END AS parameters,
    CASE
        WHEN json_first(json_filled(event.p -> 'tools'), pair.request -> 'tools') IS NOT NULL
            THEN json_first(json_filled(event.p -> 'tools'), pair.request -> 'tools')
        WHEN pair.request ? 'functions' THEN openai_tools(pair.request -> 'functions')
    END AS tools
FROM (
    SELECT
        json_first(
            json_filled(event.p -> 'messages'), pair.request -> 'messages', event.p -> 'messages',
            CASE
                WHEN pair.has_request AND jsonb_typeof(pair.request) IN ('array', 'string')
                    THEN pair.request
            END
        ) AS messages,
        pair.response -> 'choices' -> choices.choice_no AS choice,
        CASE
            WHEN jsonb_typeof(pair.response -> 'choices') = 'array'
                THEN json_first(
                    pair.response -> 'choices' -> choices.choice_no -> 'message',
                    CASE WHEN choices.choice_no = 0 AND pair.has_response THEN pair.response END
                )
            WHEN pair.has_response THEN pair.response
        END AS answer,
        json_merged(event.p -> 'usage', pair.response -> 'usage') AS usage,
        json_merged(event.p -> 'timings', pair.response -> 'timings') AS timings,
        json_merged(event.p -> 'metrics', pair.response -> 'metrics') AS metrics
    OFFSET 0
) AS told
WHERE recognized.shape IN ('familiar', 'openai_chat', 'openai_chunks')
