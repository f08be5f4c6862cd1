-- One row per choice of each llm.chat.persist event of a day: one, as a rule. What was asked,
-- counts and times belong to the exchange and stand in the row of choice 0 alone.
--
-- A payload is recognized by its own fields and read by its family's file; what cannot be read is
-- a row of shape `unknown`.
INSERT INTO llm_chat (
    event_id, correlation_id, causation_id, source, occurred_at, occurred_on, batch_id,
    choice_no, shape, conversation_id, slot, role, provider_name, request_model, response_model,
    user_id, client, tags, status, error_kind,
    message_count, media_count, user_text, messages, response_text, reasoning_text, refusal_text,
    tool_call_count, tool_calls, finish_reason,
    input_tokens, output_tokens, cached_tokens, reasoning_tokens,
    ttft_ms, total_ms, pp_tokens_per_s, tg_tokens_per_s,
    temperature, max_tokens, parameters, tools
)
SELECT
    event.event_id,
    event.correlation_id,
    event.causation_id,
    event.source,
    event.occurred_at,
    event.occurred_on,
    event.batch_id,
    choices.choice_no,
    CASE
        -- Nothing could be read, or nothing of what was answered.
        WHEN
            choices.choice_no = 0 AND said.output_tokens IS NULL AND said.reasoning IS NULL
            AND said.refusal IS NULL AND said.tool_calls IS NULL AND said.error IS NULL
            AND content_text(said.content) IS NULL
            AND (
                said.messages = '[]'::jsonb AND said.input_tokens IS NULL AND said.content IS NULL
                OR said.finish_reason IS NULL AND said.content IS NULL AND pair.was_answered
            )
            THEN 'unknown'
        ELSE recognized.shape
    END,
    json_text(said.conversation_id),
    json_text(said.slot),
    CASE
        WHEN json_text(said.role) NOT IN ('assistant', 'user', 'system', 'tool', 'model')
            THEN json_text(said.role)
    END,
    json_text(said.provider),
    json_text(said.request_model),
    json_text(said.response_model),
    json_text(said.user_id),
    json_text(said.client),
    CASE WHEN said.tags IS NOT NULL THEN json_texts(said.tags) END,
    CASE
        WHEN said.error IS NOT NULL THEN 'error'
        WHEN said.status IS NOT NULL THEN exchange_status(json_text(said.status))
    END,
    json_text(said.error_kind),
    jsonb_array_length(said.messages),
    CASE
        WHEN said.messages @? '$[*] ? (@.content.type() == "array")'
            THEN media_count(said.messages)
        ELSE 0
    END,
    last_message_text(said.messages, 'user'),
    said.messages,
    CASE jsonb_typeof(said.content)
        WHEN 'string' THEN said.content #>> '{}'
        WHEN 'array' THEN content_text(said.content)
        WHEN 'object' THEN coalesce(said.content ->> 'text', said.content::text)
    END,
    CASE WHEN said.reasoning IS NOT NULL THEN content_text(said.reasoning) END,
    json_text(said.refusal),
    jsonb_array_length(array_or_empty(said.tool_calls)),
    said.tool_calls,
    CASE -- (a call costs more than most of a row)
        WHEN said.finish_reason IN ('"stop"', '"length"', '"tool_calls"')
            THEN said.finish_reason #>> '{}'
        WHEN said.finish_reason IS NOT NULL
            THEN openai_finish_reason(json_text(said.finish_reason))
    END,
    json_bigint(said.input_tokens),
    json_bigint(said.output_tokens),
    json_bigint(said.cached_tokens),
    json_bigint(said.reasoning_tokens),
    json_float(said.ttft_ms),
    json_float(said.total_ms),
    json_float(said.pp_tokens_per_s),
    json_float(said.tg_tokens_per_s),
    json_float(said.temperature),
    json_bigint(said.max_tokens),
    said.parameters,
    said.tools
FROM (
    SELECT
        told.*,
        CASE WHEN told.is_foreign THEN json_ready(otlp_chat(told.body)) ELSE told.body END AS p
    FROM (
        SELECT
            taken.*,
            jsonb_typeof(taken.body) <> 'object' OR taken.body ?| '{
                gen_ai.system,gen_ai.provider.name,gen_ai.operation.name,gen_ai.request.model,
                gen_ai.response.model,gen_ai.input.messages,gen_ai.output.messages,attributes,
                call_type,hidden_params,standard_logging_object,model_parameters,usage_details,
                modelParameters,usageDetails,type,conversations,chunks,events,
                prompt_eval_count,eval_count,done_reason,
                gen_ai,resourceSpans,resource_spans,resourceLogs,resource_logs
            }'::text[] AS is_foreign
        FROM (
            SELECT
                inbox.event_id,
                inbox.correlation_id,
                inbox.causation_id,
                inbox.source,
                inbox.occurred_at,
                inbox.occurred_on,
                inbox.batch_id,
                json_present(event_payload(inbox.payload)) AS body
            FROM event_inbox AS inbox
            WHERE
                inbox.occurred_on = %(day)s
                AND inbox.subject = 'llm.chat.persist'
                AND inbox.batch_id = any(%(batches)s)
                AND (%(events)s::text[] IS NULL OR inbox.event_id = any(%(events)s))
            OFFSET 0 -- what is computed here, and in those below, is computed once
        ) AS taken
        OFFSET 0
    ) AS told
    OFFSET 0
) AS event
CROSS JOIN LATERAL (
    SELECT
        coalesce(event.p -> 'request', event.p) AS request,
        coalesce(event.p -> 'response', event.p) AS response
    OFFSET 0
) AS raw
CROSS JOIN LATERAL (
    -- Most chats say nothing that only other families say: those are read as they are.
    SELECT
        NOT event.is_foreign
        AND jsonb_typeof(raw.request) = 'object'
        AND jsonb_typeof(raw.response) = 'object'
        AND NOT raw.request ?| '{
            contents,input,instructions,options,anthropic_version,system,prompt,
            inferenceConfig,toolConfig,modelId,chat_history
        }'::text[]
        AND NOT raw.response ?| '{
            chunks,events,tokens_evaluated,tokens_predicted,candidates,promptFeedback,
            usageMetadata,usage_metadata,output,prompt_eval_count,eval_count,done_reason,done,
            total_duration,type,stop_reason,stop_sequence,stopReason,message,meta,finishReason,
            toolCalls
        }'::text[]
        AND coalesce(raw.response ->> 'object', 'chat.completion') = 'chat.completion'
        AND coalesce(jsonb_typeof(raw.response -> 'choices'), 'array') = 'array'
        AND coalesce(jsonb_typeof(raw.response -> 'choices' -> 0), 'object') = 'object'
        AND raw.response -> 'choices' -> 1 IS NULL
        AND raw.response -> 'choices' -> 0 -> 'text' IS NULL
        AND raw.request -> 'tools' -> 0 -> 'input_schema' IS NULL
        AND NOT coalesce(
            raw.response -> 'usage'
            ?| '{cache_creation_input_tokens,cache_read_input_tokens}'::text[],
            FALSE
        ) AS is_plain
    OFFSET 0
) AS known
CROSS JOIN LATERAL (
    SELECT
        CASE
            WHEN
                known.is_plain
                THEN CASE
                    WHEN raw.request @? '$.* ? (@ == null)' THEN json_said(raw.request)
                    ELSE raw.request
                END
            WHEN jsonb_typeof(event.p -> 'request') = 'object' THEN json_ready(raw.request)
            ELSE json_ready(chat_request(event.p))
        END AS request,
        CASE
            WHEN
                known.is_plain
                THEN CASE
                    WHEN raw.response @? '$.* ? (@ == null)' THEN json_said(raw.response)
                    ELSE raw.response
                END
            WHEN
                jsonb_typeof(event.p -> 'response') = 'object'
                AND NOT raw.response ?| '{chunks,events}'::text[]
                AND raw.response #> '{choices,1}' IS NULL
                AND raw.response #> '{candidates,1}' IS NULL
                AND coalesce(jsonb_typeof(raw.response -> 'choices'), 'array') = 'array'
                AND coalesce(jsonb_typeof(raw.response -> 'candidates'), 'array') = 'array'
                THEN json_ready(raw.response)
            ELSE chat_response(event.p)
        END AS response,
        jsonb_typeof(event.p -> 'request') IN ('object', 'array', 'string') AS has_request,
        jsonb_typeof(event.p -> 'response') <> 'null' AS has_response,
        json_filled(event.p -> 'response') IS NOT NULL AS was_answered
    OFFSET 0
) AS pair
CROSS JOIN LATERAL (
    SELECT
        CASE
            WHEN
                known.is_plain
                THEN CASE
                    WHEN
                        jsonb_typeof(pair.response -> 'choices') = 'array'
                        OR pair.has_request AND pair.request ? 'messages'
                        OR event.p
                        ?| '{temperature,max_tokens,max_completion_tokens,stream}'::text[]
                        AND NOT event.p ?| '{session_id,slot}'::text[]
                        THEN 'openai_chat'
                    ELSE 'familiar'
                END
            -- Those that record others' exchanges, by what only they say of them.
            WHEN is_gen_ai(event.p) THEN 'opentelemetry'
            WHEN
                event.p ?| '{call_type,hidden_params,standard_logging_object}'::text[]
                AND event.p ?| '{model_parameters,startTime,standard_logging_object}'::text[]
                THEN 'litellm'
            WHEN is_observation(event.p) THEN 'langfuse'
            WHEN
                jsonb_typeof(event.p -> 'conversations') = 'array'
                OR event.p #> '{0,from}' IS NOT NULL
                THEN 'sharegpt'
            WHEN pair.response ->> 'object' = 'chat.completion.chunk' THEN 'openai_chunks'
            WHEN
                pair.response #>> '{choices,0,text}' IS NOT NULL
                AND jsonb_typeof(pair.response #> '{choices,0,message}') IS DISTINCT FROM 'object'
                OR pair.response ->> 'object' = 'text_completion'
                OR pair.response ?| '{tokens_evaluated,tokens_predicted}'::text[]
                THEN 'text_completion'
            WHEN jsonb_typeof(pair.response -> 'choices') = 'array' THEN 'openai_chat'
            WHEN
                jsonb_typeof(pair.response #> '{output,message}') = 'object'
                OR pair.request ?| '{inferenceConfig,toolConfig}'::text[]
                OR pair.request ? 'modelId' AND pair.request ? 'messages'
                THEN 'bedrock'
            WHEN
                pair.response -> 'usage' ?| '{tokens,billed_units}'::text[]
                OR pair.response -> 'meta' ?| '{tokens,billed_units}'::text[]
                OR pair.response ?| '{message,text}'::text[]
                AND pair.response ->> 'finish_reason'
                IN ('COMPLETE', 'MAX_TOKENS', 'STOP_SEQUENCE', 'TOOL_CALL', 'ERROR')
                OR pair.request ? 'chat_history' AND pair.request ? 'message'
                THEN 'cohere'
            WHEN
                pair.response ?| '{candidates,usageMetadata,usage_metadata,promptFeedback}'::text[]
                OR jsonb_typeof(pair.request -> 'contents') IN ('array', 'object', 'string')
                THEN 'gemini'
            WHEN
                pair.response ->> 'object' = 'response'
                OR jsonb_typeof(pair.response -> 'output') = 'array'
                OR pair.request ?| '{input,instructions}'::text[] AND NOT pair.request ? 'messages'
                THEN 'openai_responses'
            WHEN
                pair.response ?| '{prompt_eval_count,eval_count,done_reason,total_duration}'::text[]
                OR event.p ?| '{prompt_eval_count,eval_count,done_reason}'::text[]
                OR pair.response ? 'done' AND pair.response ?| '{message,response}'::text[]
                OR jsonb_typeof(pair.request -> 'options') = 'object'
                AND (
                    pair.has_request
                    OR coalesce(jsonb_typeof(event.p -> 'response'), '') <> 'object'
                )
                THEN 'ollama'
            WHEN
                pair.response ->> 'type' IN ('message', 'error')
                OR pair.response ?| '{stop_reason,stop_sequence}'::text[]
                AND NOT pair.response ? 'finish_reason'
                OR pair.response -> 'usage'
                ?| '{cache_creation_input_tokens,cache_read_input_tokens}'::text[]
                OR pair.request ? 'anthropic_version'
                OR pair.request ? 'system'
                AND NOT coalesce(
                    pair.response
                    ?| '{finish_reason,reasoning_content,reasoning,tool_calls}'::text[],
                    FALSE
                )
                OR jsonb_typeof(pair.request #> '{tools,0,input_schema}') = 'object'
                THEN 'anthropic'
            WHEN
                pair.has_request AND pair.request ? 'messages'
                OR event.p ?| '{temperature,max_tokens,max_completion_tokens,stream}'::text[]
                AND NOT event.p ?| '{session_id,slot}'::text[]
                THEN 'openai_chat'
            WHEN pair.request ? 'prompt' AND NOT pair.request ? 'messages' THEN 'text_completion'
            ELSE 'familiar'
        END AS shape
    OFFSET 0
) AS recognized
CROSS JOIN LATERAL (
    -- Apart, since a series costs as much as reading a chat does, and most have one choice.
    SELECT 0 AS choice_no
    UNION ALL
    SELECT further.choice_no
    FROM generate_series(1, chat_choices(pair.response) - 1) AS further (choice_no)
    WHERE jsonb_typeof(pair.response) = 'object' AND pair.response ?| '{choices,candidates}'::text[]
) AS choices
CROSS JOIN LATERAL (
    %(readings)s
) AS reading
CROSS JOIN LATERAL (
    SELECT
        CASE WHEN choices.choice_no = 0 THEN reading.usage END AS usage,
        CASE WHEN choices.choice_no = 0 THEN reading.timings END AS timings,
        json_first(
            json_filled(reading.about -> 'error'), json_filled(pair.response -> 'error'),
            json_filled(event.p -> 'error'),
            CASE
                WHEN pair.response ->> 'object' = 'error' THEN pair.response
                ELSE json_filled(pair.response -> 'choices' -> choices.choice_no -> 'error')
            END
        ) AS error
    OFFSET 0
) AS counted
CROSS JOIN LATERAL (
    SELECT
        json_first(
            reading.about -> 'session_id',
            json_first(
                nullif(event.p -> 'session_id', '""'::jsonb), event.p -> 'conversation_id'
            ),
            json_first(pair.request -> 'session_id', pair.request #> '{metadata,session_id}')
        ) AS conversation_id,
        json_first(reading.about -> 'slot', event.p -> 'slot') AS slot,
        event.p -> 'role' AS role,
        json_first(
            reading.about -> 'provider', nullif(event.p -> 'provider', '""'::jsonb),
            nullif(event.p -> 'provider_name', '""'::jsonb)
        ) AS provider,
        json_first(
            reading.about -> 'request_model', nullif(event.p -> 'model', '""'::jsonb),
            nullif(pair.request -> 'model', '""'::jsonb)
        ) AS request_model,
        json_first(
            reading.about -> 'response_model', nullif(pair.response -> 'model', '""'::jsonb),
            nullif(event.p -> 'model', '""'::jsonb)
        ) AS response_model,
        json_first(
            reading.about -> 'user_id',
            json_first(nullif(event.p -> 'user_id', '""'::jsonb), pair.request -> 'user_id'),
            json_first(pair.request -> 'user', pair.request -> 'safety_identifier'),
            event.p -> 'user'
        ) AS user_id,
        json_first(
            reading.about -> 'client',
            json_first(nullif(event.p -> 'client', '""'::jsonb), event.p -> 'user_agent'),
            pair.request -> 'client'
        ) AS client,
        json_first(
            reading.about -> 'tags', event.p -> 'tags',
            json_first(pair.request -> 'tags', pair.request #> '{metadata,tags}')
        ) AS tags,
        json_first(
            reading.about -> 'status', event.p -> 'status', pair.response -> 'status'
        ) AS status,
        counted.error,
        json_first(
            json_first(reading.about -> 'error_kind', event.p -> 'error_kind'),
            event.p -> 'error_type',
            counted.error -> 'type',
            json_first(counted.error -> 'status', counted.error -> 'code')
        ) AS error_kind,
        CASE WHEN choices.choice_no = 0 THEN reading.messages ELSE '[]'::jsonb END AS messages,
        -- An empty text loses against one of the same meaning that is filled.
        coalesce(
            nullif(nullif(reading.answer -> 'content', 'null'::jsonb), '""'::jsonb),
            CASE
                WHEN reading.answer IS NOT NULL
                    THEN json_best(
                        reading.answer -> 'content', reading.answer -> 'text',
                        reading.answer -> 'output_text',
                        pair.response -> 'choices' -> choices.choice_no -> 'text',
                        reading.answer #> '{audio,transcript}'
                    )
            END
        ) AS content,
        coalesce(
            nullif(nullif(reading.answer -> 'reasoning_content', 'null'::jsonb), '""'::jsonb),
            nullif(nullif(reading.answer -> 'reasoning', 'null'::jsonb), '""'::jsonb),
            nullif(nullif(reading.answer -> 'thinking', 'null'::jsonb), '""'::jsonb),
            nullif(reading.answer -> 'reasoning_content', 'null'::jsonb),
            nullif(reading.answer -> 'reasoning', 'null'::jsonb),
            nullif(array_or_empty(reading.answer -> 'reasoning_details'), '[]'::jsonb)
        ) AS reasoning,
        reading.answer -> 'refusal' AS refusal,
        nullif(array_or_empty(reading.answer -> 'tool_calls'), '[]'::jsonb) AS tool_calls,
        reading.finish_reason,
        json_first(
            counted.usage -> 'prompt_tokens',
            CASE
                WHEN
                    counted.usage
                    ?| '{cache_creation_input_tokens,cache_read_input_tokens}'::text[]
                    THEN json_sum(
                        counted.usage -> 'input_tokens',
                        counted.usage -> 'cache_creation_input_tokens',
                        counted.usage -> 'cache_read_input_tokens'
                    )
                ELSE counted.usage -> 'input_tokens'
            END,
            json_first(
                counted.timings -> 'prompt_tokens', counted.usage -> 'inputTokens',
                counted.usage -> 'promptTokens'
            )
        ) AS input_tokens,
        json_first(
            counted.usage -> 'completion_tokens', counted.usage -> 'output_tokens',
            json_first(
                counted.timings -> 'completion_tokens', counted.usage -> 'outputTokens',
                counted.usage -> 'completionTokens'
            )
        ) AS output_tokens,
        json_first(
            json_first(
                counted.usage -> 'cached_tokens',
                counted.usage #> '{prompt_tokens_details,cached_tokens}'
            ),
            counted.usage #> '{input_tokens_details,cached_tokens}',
            json_first(
                counted.usage -> 'cache_read_input_tokens',
                counted.usage -> 'prompt_cache_hit_tokens'
            ),
            json_first(counted.timings -> 'cached_tokens', counted.usage -> 'cachedInputTokens')
        ) AS cached_tokens,
        json_first(
            counted.usage -> 'reasoning_tokens',
            counted.usage #> '{completion_tokens_details,reasoning_tokens}',
            counted.usage #> '{output_tokens_details,reasoning_tokens}'
        ) AS reasoning_tokens,
        counted.timings -> 'ttft_ms' AS ttft_ms,
        CASE
            WHEN choices.choice_no = 0
                THEN json_first(
                    counted.timings -> 'duration_ms', event.p -> 'duration_ms',
                    event.p -> 'latency_ms'
                )
        END AS total_ms,
        counted.timings -> 'prompt_per_second' AS pp_tokens_per_s,
        counted.timings -> 'predicted_per_second' AS tg_tokens_per_s,
        reading.parameters -> 'temperature' AS temperature,
        json_first(
            json_first(
                reading.parameters -> 'max_completion_tokens', reading.parameters -> 'max_tokens'
            ),
            reading.parameters -> 'max_output_tokens',
            json_first(
                reading.parameters -> 'maxOutputTokens', reading.parameters -> 'maxTokens'
            ),
            json_first(reading.parameters -> 'num_predict', reading.parameters -> 'n_predict')
        ) AS max_tokens,
        CASE
            WHEN jsonb_typeof(reading.parameters) = 'object'
                THEN nullif(reading.parameters, '{}'::jsonb)
        END AS parameters,
        json_first(reading.tools, NULL) AS tools
    OFFSET 0
) AS said;

-- A SELECT without FROM that has an OFFSET is beyond the linter.
-- sqlfluff:ignore:parsing
-- sqlfluff:exclude_rules:ST06,RF04,RF02,AL03,AL05,AL07,ST10,ST05,AM09,LT02
