-- LiteLLM's StandardLoggingPayload, and the keyword arguments that its callbacks have it in. Times
-- are seconds; the response is of whichever family answered.
SELECT
    json_said(
        jsonb_build_object(
            'session_id',
            json_first(
                json_first(log.body -> 'session_id', log.body #> '{metadata,session_id}'),
                log.body #> '{metadata,requester_metadata,session_id}',
                log.body -> 'trace_id'
            ),
            'provider', log.body -> 'custom_llm_provider',
            'request_model', json_first(log.body -> 'model_group', log.body -> 'model'),
            'response_model', json_first(log.response -> 'model', log.body -> 'model'),
            'slot', log.body -> 'model_id',
            'user_id',
            json_first(
                nullif(log.body -> 'end_user', '""'::jsonb),
                log.body #> '{metadata,user_api_key_end_user_id}',
                log.body #> '{metadata,user_api_key_user_id}'
            ),
            'client',
            json_first(log.body -> 'user_agent', log.body #> '{metadata,user_api_key_alias}'),
            'tags', nullif(log.body -> 'request_tags', '[]'::jsonb),
            'status', log.body -> 'status',
            'error_kind',
            nullif(
                json_first(
                    log.body #> '{error_information,error_class}',
                    log.body #> '{error_information,error_code}'
                ),
                '""'::jsonb
            )
        )
    ) AS about,
    openai_messages(
        CASE WHEN choices.choice_no = 0 THEN log.body -> 'messages' END
    ) AS messages,
    response_answer(log.response, choices.choice_no) AS answer,
    response_finish_reason(log.response, choices.choice_no) AS finish_reason,
    CASE jsonb_typeof(log.usage) WHEN 'object' THEN json_said(log.usage) ELSE '{}'::jsonb END
    || json_said(
        jsonb_build_object(
            'prompt_tokens', log.body -> 'prompt_tokens',
            'completion_tokens', log.body -> 'completion_tokens'
        )
    ) AS usage,
    jsonb_build_object(
        'ttft_ms', json_span_ms(log.body -> 'startTime', log.body -> 'completionStartTime'),
        'duration_ms',
        json_first(
            json_span_ms(log.body -> 'startTime', log.body -> 'endTime'),
            json_ms(log.body -> 'response_time', 1e-3)
        )
    ) AS timings,
    CASE jsonb_typeof(log.parameters)
        WHEN 'object' THEN log.parameters - '{tools,functions}'::text[]
    END AS parameters,
    json_first(
        openai_tools(log.parameters -> 'tools'), openai_tools(log.parameters -> 'functions')
    ) AS tools
FROM (
    SELECT
        logged.body,
        logged.response,
        json_opened(logged.body -> 'model_parameters') AS parameters,
        json_first(logged.response -> 'usage', logged.body #> '{metadata,usage_object}') AS usage
    FROM (
        SELECT
            CASE
                WHEN event.p ? 'standard_logging_object'
                    THEN json_ready(json_opened(event.p -> 'standard_logging_object'))
                ELSE event.p
            END AS body,
            CASE
                WHEN event.p ? 'standard_logging_object' OR pair.has_response
                    THEN nullif(pair.response, event.p)
            END AS response
    ) AS logged
) AS log
WHERE recognized.shape = 'litellm'
