-- Langfuse's observations of type GENERATION, as its API, its exports and its ingestion spell
-- them. Of usageDetails the input is everything that was read, the output all that was written.
SELECT
    json_said(
        jsonb_build_object(
            'session_id',
            json_first(
                json_first(seen.body -> 'sessionId', seen.body -> 'session_id'),
                seen.body #> '{metadata,session_id}',
                json_first(seen.body -> 'traceId', seen.body -> 'trace_id')
            ),
            'request_model',
            json_first(
                seen.body -> 'model', seen.body -> 'providedModelName',
                seen.body -> 'provided_model_name'
            ),
            'response_model',
            json_first(
                pair.response -> 'model', seen.body -> 'model',
                seen.body -> 'provided_model_name'
            ),
            'provider', seen.body #> '{metadata,ls_provider}',
            'user_id', json_first(seen.body -> 'userId', seen.body -> 'user_id'),
            'client', seen.body -> 'name',
            'tags', seen.body -> 'tags',
            'status', seen.body -> 'level'
        )
    ) AS about,
    openai_messages(
        CASE WHEN choices.choice_no = 0 THEN seen.body -> 'input' END
    ) AS messages,
    response_answer(pair.response, choices.choice_no) AS answer,
    response_finish_reason(pair.response, choices.choice_no) AS finish_reason,
    json_said(
        jsonb_build_object(
            'prompt_tokens',
            json_first(
                seen.usage -> 'prompt_tokens', seen.usage -> 'promptTokens', counted.input
            ),
            'completion_tokens',
            json_first(
                seen.usage -> 'completion_tokens', seen.usage -> 'completionTokens',
                counted.output
            ),
            'cached_tokens',
            json_first(
                json_first(
                    seen.usage -> 'input_cached_tokens', seen.usage -> 'cache_read_input_tokens'
                ),
                seen.usage -> 'input_cache_read',
                seen.usage #> '{prompt_tokens_details,cached_tokens}'
            ),
            'reasoning_tokens',
            json_first(
                seen.usage -> 'output_reasoning_tokens', seen.usage -> 'output_reasoning',
                seen.usage #> '{completion_tokens_details,reasoning_tokens}'
            )
        )
    ) AS usage,
    jsonb_build_object(
        'ttft_ms',
        json_first(
            json_span_ms(
                seen.started, json_first(
                    seen.body -> 'completionStartTime', seen.body -> 'completion_start_time'
                )
            ),
            json_ms(
                json_first(seen.body -> 'timeToFirstToken', seen.body -> 'time_to_first_token'),
                1e-3
            )
        ),
        'duration_ms',
        json_first(
            json_span_ms(
                seen.started, json_first(seen.body -> 'endTime', seen.body -> 'end_time')
            ),
            json_ms(seen.body -> 'latency', 1e-3)
        )
    ) AS timings,
    seen.parameters,
    openai_tools(
        json_first(json_opened(seen.body -> 'input') -> 'tools', seen.parameters -> 'tools')
    ) AS tools
FROM (
    SELECT
        observed.body,
        json_opened(
            json_first(
                json_first(observed.body -> 'usageDetails', observed.body -> 'usage_details'),
                observed.body -> 'usage'
            )
        ) AS usage,
        json_first(observed.body -> 'startTime', observed.body -> 'start_time') AS started,
        json_opened(
            json_first(observed.body -> 'modelParameters', observed.body -> 'model_parameters')
        ) AS parameters
    FROM (
        SELECT
            CASE jsonb_typeof(event.p -> 'body')
                WHEN 'object' THEN json_ready(event.p -> 'body')
                ELSE event.p
            END AS body
    ) AS observed
) AS seen
CROSS JOIN LATERAL (
    SELECT
        to_jsonb(
            sum(json_bigint(detail.value))
                FILTER (WHERE detail.name ~ '^(input|cache_(read|creation)_input)(_|$)')
        ) AS input,
        to_jsonb(
            sum(json_bigint(detail.value)) FILTER (WHERE detail.name ~ '^output(_|$)')
        ) AS output
    FROM jsonb_each(CASE jsonb_typeof(seen.usage) WHEN 'object' THEN seen.usage END)
        AS detail (name, value)
) AS counted
WHERE recognized.shape = 'langfuse'
