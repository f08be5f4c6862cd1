-- One row per llm.chat.persist event of a day, from familiar's shape or OpenAI's
-- request/response pair.
INSERT INTO llm_chat (
    event_id, correlation_id, causation_id, source, occurred_at, occurred_on,
    conversation_id, slot, role, provider_name, request_model, response_model,
    message_count, user_text, response_text, reasoning_text, tool_call_count, finish_reason,
    input_tokens, output_tokens, cached_tokens, ttft_ms, total_ms, pp_tokens_per_s, tg_tokens_per_s,
    temperature, max_tokens, messages, tool_calls, tools, parameters, batch_id
)
WITH event AS (
    SELECT
        inbox.*,
        inbox.payload AS p,
        inbox.payload -> 'response' AS response,
        coalesce(inbox.payload -> 'response' #> '{choices,0,message}', inbox.payload -> 'response')
            AS answer,
        coalesce(inbox.payload -> 'usage', inbox.payload #> '{response,usage}') AS usage,
        coalesce(inbox.payload -> 'timings', inbox.payload #> '{response,timings}') AS timings,
        coalesce(inbox.payload -> 'parameters', inbox.payload -> 'request') AS parameters_used,
        array_or_empty(coalesce(inbox.payload -> 'messages', inbox.payload #> '{request,messages}'))
            AS conversation
    FROM event_inbox AS inbox
    WHERE
        inbox.occurred_on = %(day)s
        AND inbox.subject = 'llm.chat.persist'
        AND inbox.batch_id = any(%(batches)s)
        AND (%(events)s::text[] IS NULL OR inbox.event_id = any(%(events)s))
)

SELECT
    event_id,
    correlation_id,
    causation_id,
    source,
    occurred_at,
    occurred_on,
    json_text(p -> 'session_id'),
    json_text(p -> 'slot'),
    json_text(p -> 'role'),
    json_text(p -> 'provider'),
    json_text(coalesce(p -> 'model', p #> '{request,model}')),
    json_text(coalesce(response -> 'model', p -> 'model')),
    jsonb_array_length(conversation),
    last_message_text(conversation, 'user'),
    content_text(answer -> 'content'),
    content_text(coalesce(answer -> 'reasoning_content', answer -> 'reasoning')),
    jsonb_array_length(array_or_empty(answer -> 'tool_calls')),
    json_text(coalesce(response #> '{choices,0,finish_reason}', response -> 'finish_reason')),
    json_bigint(usage -> 'prompt_tokens'),
    json_bigint(usage -> 'completion_tokens'),
    json_bigint(
        coalesce(usage -> 'cached_tokens', usage #> '{prompt_tokens_details,cached_tokens}')
    ),
    json_float(timings -> 'ttft_ms'),
    json_float(timings -> 'duration_ms'),
    json_float(timings -> 'prompt_per_second'),
    json_float(timings -> 'predicted_per_second'),
    json_float(parameters_used -> 'temperature'),
    json_bigint(parameters_used -> 'max_tokens'),
    conversation,
    answer -> 'tool_calls',
    coalesce(p -> 'tools', p #> '{request,tools}'),
    parameters_used - 'messages' - 'tools',
    batch_id
FROM event;
