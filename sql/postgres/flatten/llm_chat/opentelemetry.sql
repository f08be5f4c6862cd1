-- OpenTelemetry's gen_ai attributes: of a span or a log record, flat or as OTLP has them, with the
-- messages in attributes (whole, or numbered one by one) or in events. Each output is a choice.
SELECT
    json_said(
        jsonb_build_object(
            'session_id',
            json_first(
                span.named -> 'gen_ai.conversation.id', span.named -> 'session.id',
                span.named -> 'thread.id'
            ),
            'provider',
            json_first(span.named -> 'gen_ai.provider.name', span.named -> 'gen_ai.system'),
            'request_model', span.named -> 'gen_ai.request.model',
            'response_model', span.named -> 'gen_ai.response.model',
            'user_id',
            json_first(
                span.named -> 'enduser.id', span.named -> 'user.id',
                span.named -> 'gen_ai.request.user'
            ),
            'client',
            json_first(span.named -> 'service.name', span.named -> 'gen_ai.agent.name'),
            'status', otel_status(event.p, span.named),
            'error_kind', otel_error(event.p, span.named)
        )
    ) AS about,
    CASE
        WHEN span.named ? 'gen_ai.system_instructions'
            THEN openai_message(
                jsonb_build_object(
                    'role', 'system',
                    'content', json_opened(span.named -> 'gen_ai.system_instructions')
                )
            )
        ELSE '[]'::jsonb
    END
    || CASE
        WHEN choices.choice_no > 0 THEN '[]'::jsonb
        WHEN span.named ? 'gen_ai.input.messages'
            THEN openai_messages(span.named -> 'gen_ai.input.messages')
        ELSE openai_messages(
            coalesce(
                questions.numbered, questions.told, questions.content,
                span.named -> 'gen_ai.prompt'
            )
        )
    END AS messages,
    response_answer(pair.response, choices.choice_no) AS answer,
    json_first(
        nullif(
            json_list(json_opened(span.named -> 'gen_ai.response.finish_reasons'))
            -> choices.choice_no,
            '""'::jsonb
        ),
        response_finish_reason(pair.response, choices.choice_no)
    ) AS finish_reason,
    json_said(
        jsonb_build_object(
            'prompt_tokens',
            json_first(
                span.named -> 'gen_ai.usage.input_tokens',
                span.named -> 'gen_ai.usage.prompt_tokens'
            ),
            'completion_tokens',
            json_first(
                span.named -> 'gen_ai.usage.output_tokens',
                span.named -> 'gen_ai.usage.completion_tokens'
            ),
            'cached_tokens',
            json_first(
                span.named -> 'gen_ai.usage.cache_read.input_tokens',
                span.named -> 'gen_ai.usage.cache_read_input_tokens',
                span.named -> 'gen_ai.usage.input_tokens.cached'
            ),
            'reasoning_tokens',
            json_first(
                span.named -> 'gen_ai.usage.reasoning.output_tokens',
                span.named -> 'gen_ai.usage.reasoning_tokens',
                span.named -> 'gen_ai.usage.output_tokens.reasoning'
            )
        )
    ) AS usage,
    jsonb_build_object(
        'ttft_ms',
        json_ms(
            json_first(
                span.named -> 'gen_ai.server.time_to_first_token',
                span.named -> 'gen_ai.response.time_to_first_chunk'
            ),
            1e-3
        ),
        'duration_ms',
        json_first(
            otel_ms(event.p),
            json_ms(span.named -> 'gen_ai.client.operation.duration', 1e-3)
        )
    ) AS timings,
    (
        SELECT jsonb_object_agg(substr(asked.name, 16), asked.value)
        FROM jsonb_each(span.named) AS asked (name, value)
        WHERE asked.name LIKE 'gen\_ai.request.%%'
    ) AS parameters,
    openai_tools(span.named -> 'gen_ai.tool.definitions') AS tools
FROM (
    SELECT otel_named(event.p) AS named
    OFFSET 0
) AS span
CROSS JOIN LATERAL (
    -- Once an event, and not for each of its choices: there may be many of both.
    SELECT
        CASE WHEN choices.choice_no = 0 THEN otel_numbered(span.named, 'prompt') END AS numbered,
        (
            SELECT
                jsonb_agg(
                    each.body
                    || jsonb_build_object(
                        'role', coalesce(each.body ->> 'role', split_part(each.name, '.', 2))
                    )
                    ORDER BY each.event_no
                )
            FROM otel_events(CASE WHEN choices.choice_no = 0 THEN event.p END) AS each
            WHERE each.name LIKE 'gen\_ai.%%.message'
        ) AS told,
        (
            SELECT (jsonb_agg(each.body -> 'gen_ai.prompt' ORDER BY each.event_no)) -> 0
            FROM otel_events(CASE WHEN choices.choice_no = 0 THEN event.p END) AS each
            WHERE each.name = 'gen_ai.content.prompt'
        ) AS content
) AS questions
WHERE recognized.shape = 'opentelemetry'
