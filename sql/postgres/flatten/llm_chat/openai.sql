-- familiar's own shape, and OpenAI's chat completions: a pair, one side of it, or a stream's chunks
-- put together. llama.cpp's `timings` and vLLM's `metrics` may stand in it.
SELECT
    NULL::jsonb AS about,
    CASE
        WHEN choices.choice_no > 0 THEN '[]'::jsonb
        WHEN
            jsonb_typeof(told.messages) = 'array'
            AND NOT told.messages @? '$[*] ? (
                !(
                    @.role == "user" || @.role == "assistant" || @.role == "system"
                    || @.role == "tool" || @.role == "developer"
                )
                || exists (@.text) || @.function_call != null
                || @.tool_calls.type() == "string"
            )'
            THEN told.messages
        ELSE openai_messages(told.messages)
    END AS messages,
    CASE
        WHEN
            jsonb_typeof(told.answer) = 'object'
            AND NOT told.answer ?| '{function_call,toolCalls}'::text[]
            AND coalesce(jsonb_typeof(told.answer -> 'content'), '') <> 'array'
            THEN CASE
                WHEN jsonb_typeof(told.answer -> 'tool_calls') IN ('array', 'object', 'string')
                    THEN told.answer
                        || jsonb_build_object(
                            'tool_calls', openai_calls(told.answer -> 'tool_calls')
                        )
                ELSE told.answer
            END
        -- Vercel's SDK spells it so.
        WHEN jsonb_typeof(told.answer) = 'object' AND told.answer ? 'toolCalls'
            THEN answered_message(
                told.answer - 'toolCalls'
                || jsonb_build_object('tool_calls', told.answer -> 'toolCalls')
            )
        WHEN jsonb_typeof(told.answer) = 'array' AND told.answer @? '$[*].role'
            THEN response_answer(told.answer, 0)
        WHEN told.answer IS NOT NULL AND told.answer <> 'null'::jsonb
            THEN answered_message(told.answer)
    END AS answer,
    json_first(
        nullif(told.choice -> 'finish_reason', '""'::jsonb),
        nullif(pair.response -> 'finish_reason', '""'::jsonb),
        nullif(event.p -> 'finish_reason', '""'::jsonb),
        pair.response -> 'finishReason'
    ) AS finish_reason,
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
            THEN CASE
                WHEN event.p ?| '{temperature,max_tokens,max_completion_tokens}'::text[]
                    THEN json_merged(
                        event.p -> 'parameters',
                        json_picked(
                            event.p, '{temperature,max_tokens,max_completion_tokens,top_p}'
                        )
                    )
                ELSE event.p -> 'parameters'
            END
        WHEN jsonb_typeof(json_opened(event.p -> 'parameters')) = 'object'
            THEN json_opened(event.p -> 'parameters')
        WHEN jsonb_typeof(pair.request) <> 'object' THEN NULL
        WHEN pair.has_request THEN pair.request - '{messages,tools,functions}'::text[]
        WHEN
            event.p ?| '{
                temperature,max_tokens,max_completion_tokens,top_p,top_k,min_p,seed,stop
            }'::text[]
            THEN event.p - '{
                messages,tools,functions,response,usage,timings,metrics,choices,parameters,error,
                session_id,slot,role,provider,user_id,client,tags,status,chunks,events,message,
                content,reasoning,reasoning_content,refusal,tool_calls,finish_reason,
                prompt_tokens,completion_tokens,total_tokens,input_tokens,output_tokens,
                cached_tokens,reasoning_tokens,ttft_ms,duration_ms,latency_ms,prompt_per_second,
                predicted_per_second,prompt_n,prompt_ms,predicted_n,predicted_ms,cache_n
            }'::text[]
    END AS parameters,
    CASE
        WHEN told.tools IS NOT NULL
            THEN CASE
                WHEN 'string' IN (jsonb_typeof(told.tools), jsonb_typeof(told.tools -> 0))
                    THEN json_opened_list(told.tools)
                ELSE told.tools
            END
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
            WHEN pair.has_response
                THEN CASE
                    WHEN
                        jsonb_typeof(pair.response) = 'string'
                        AND event.p ?| '{reasoning,reasoning_content,tool_calls,refusal}'::text[]
                        THEN json_picked(
                            event.p, '{reasoning,reasoning_content,tool_calls,refusal}'
                        ) || jsonb_build_object('content', pair.response)
                    WHEN
                        jsonb_typeof(pair.response -> 'message') = 'object'
                        AND NOT pair.response ? 'content'
                        THEN pair.response -> 'message'
                    ELSE pair.response
                END
            -- What was answered stands beside what was asked.
            WHEN jsonb_typeof(event.p -> 'message') = 'object' THEN event.p -> 'message'
            WHEN
                event.p ?| '{finish_reason,finishReason}'::text[]
                AND event.p
                ?| '{content,reasoning,reasoning_content,tool_calls,refusal,toolCalls}'::text[]
                THEN json_picked(
                    event.p, '{content,reasoning,reasoning_content,tool_calls,refusal,toolCalls}'
                )
        END AS answer,
        CASE
            WHEN
                event.p ?| '{prompt_tokens,completion_tokens,input_tokens,output_tokens}'::text[]
                OR pair.response
                ?| '{prompt_tokens,completion_tokens,input_tokens,output_tokens}'::text[]
                THEN json_merged(
                    json_merged(
                        json_opened(event.p -> 'usage'), json_opened(pair.response -> 'usage')
                    ),
                    chat_figures(
                        event.p, pair.response,
                        '{prompt_tokens,completion_tokens,input_tokens,output_tokens,
                        cached_tokens,reasoning_tokens}'
                    )
                )
            WHEN
                'string' IN (
                    jsonb_typeof(event.p -> 'usage'), jsonb_typeof(pair.response -> 'usage')
                )
                THEN json_merged(
                    json_opened(event.p -> 'usage'), json_opened(pair.response -> 'usage')
                )
            ELSE json_merged(event.p -> 'usage', pair.response -> 'usage')
        END AS usage,
        CASE
            WHEN
                event.p ?| '{ttft_ms,prompt_per_second,predicted_per_second,predicted_ms}'::text[]
                OR pair.response
                ?| '{ttft_ms,duration_ms,prompt_per_second,predicted_per_second}'::text[]
                THEN json_merged(
                    json_merged(
                        json_opened(event.p -> 'timings'), json_opened(pair.response -> 'timings')
                    ),
                    chat_figures(
                        event.p, pair.response,
                        '{ttft_ms,duration_ms,prompt_per_second,predicted_per_second,prompt_n,
                        prompt_ms,predicted_n,predicted_ms,cache_n}'
                    )
                )
            WHEN
                'string' IN (
                    jsonb_typeof(event.p -> 'timings'), jsonb_typeof(pair.response -> 'timings')
                )
                THEN json_merged(
                    json_opened(event.p -> 'timings'), json_opened(pair.response -> 'timings')
                )
            ELSE json_merged(event.p -> 'timings', pair.response -> 'timings')
        END AS timings,
        CASE
            WHEN event.p ? 'metrics' OR pair.response ? 'metrics'
                THEN json_opened(json_merged(event.p -> 'metrics', pair.response -> 'metrics'))
        END AS metrics,
        json_first(json_filled(event.p -> 'tools'), pair.request -> 'tools') AS tools
    OFFSET 0
) AS told
WHERE recognized.shape IN ('familiar', 'openai_chat', 'openai_chunks')
