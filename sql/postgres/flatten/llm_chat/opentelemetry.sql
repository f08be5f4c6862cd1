-- OpenTelemetry's gen_ai attributes: of a span or a log record, flat or as OTLP has them, with the
-- messages in attributes (whole, or numbered one by one) or in events.
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
            'status',
            json_first(
                CASE event.p #>> '{status,code}' WHEN '1' THEN '"ok"' WHEN '2' THEN '"error"' END
                ::jsonb,
                event.p #> '{status,code}',
                json_first(
                    span.named -> 'otel.status_code',
                    CASE
                        WHEN span.named -> 'error.type' <> 'null'::jsonb THEN '"error"'::jsonb
                    END
                )
            ),
            'error_kind', span.named -> 'error.type'
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
        WHEN span.named ? 'gen_ai.input.messages'
            THEN openai_messages(span.named -> 'gen_ai.input.messages')
        WHEN numbered.asked IS NOT NULL THEN openai_messages(numbered.asked)
        WHEN told.asked IS NOT NULL THEN openai_messages(told.asked)
        ELSE openai_messages(span.named -> 'gen_ai.prompt')
    END AS messages,
    CASE
        WHEN span.named ? 'gen_ai.output.messages'
            THEN response_answer(span.output -> 0, 0)
        WHEN numbered.answered IS NOT NULL THEN response_answer(numbered.answered -> 0, 0)
        WHEN told.answered IS NOT NULL
            THEN response_answer(
                json_first(told.answered -> 'message', told.answered), 0
            )
        WHEN span.named ? 'gen_ai.completion'
            THEN response_answer(opened_response(span.named -> 'gen_ai.completion'), 0)
    END AS answer,
    json_first(
        json_opened(span.named -> 'gen_ai.response.finish_reasons') -> 0,
        span.output -> 0 -> 'finish_reason',
        json_first(
            told.answered -> 'finish_reason', numbered.answered -> 0 -> 'finish_reason'
        )
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
            json_span_ms(
                json_first(
                    event.p -> 'startTimeUnixNano', event.p -> 'start_time_unix_nano',
                    event.p -> 'start_time', event.p -> 'startTime'
                ),
                json_first(
                    event.p -> 'endTimeUnixNano', event.p -> 'end_time_unix_nano',
                    event.p -> 'end_time', event.p -> 'endTime'
                )
            ),
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
    SELECT
        attributes.named,
        json_opened(attributes.named -> 'gen_ai.output.messages') AS output
    FROM (
        SELECT
            otel_attributes(event.p)
            || CASE
                WHEN event.p #>> '{events,0,name}' LIKE 'gen\_ai.client.%%'
                    THEN otel_attributes(event.p #> '{events,0}')
                ELSE '{}'::jsonb
            END AS named
    ) AS attributes
    OFFSET 0
) AS span
CROSS JOIN LATERAL (
    -- gen_ai.prompt.0.role, gen_ai.prompt.0.content, gen_ai.completion.0.content …
    SELECT
        jsonb_agg(one.message ORDER BY one.message_no) FILTER (WHERE one.side = 'prompt') AS asked,
        jsonb_agg(one.message ORDER BY one.message_no) FILTER (WHERE one.side = 'completion')
            AS answered
    FROM (
        SELECT
            item.side,
            item.message_no,
            coalesce(
                (jsonb_agg(item.members) FILTER (WHERE item.call_no IS NULL)) -> 0, '{}'::jsonb
            )
            || jsonb_build_object(
                'tool_calls',
                jsonb_agg(item.members ORDER BY item.call_no)
                    FILTER (WHERE item.call_no IS NOT NULL)
            ) AS message
        FROM (
            SELECT
                found.hit[1] AS side,
                found.hit[2]::integer AS message_no,
                found.hit[4]::integer AS call_no,
                jsonb_object_agg(found.hit[5], attribute.value) AS members
            FROM jsonb_each(span.named) AS attribute (name, value)
            CROSS JOIN LATERAL
                regexp_matches(
                    attribute.name,
                    '^gen_ai\.(prompt|completion)\.(\d{1,6})\.(tool_calls\.(\d{1,6})\.)?(\w+)$'
                ) AS found (hit)
            GROUP BY found.hit[1], found.hit[2], found.hit[4]
        ) AS item
        GROUP BY item.side, item.message_no
    ) AS one
) AS numbered
CROSS JOIN LATERAL (
    SELECT
        jsonb_agg(
            each.body
            || jsonb_build_object(
                'role', coalesce(each.body ->> 'role', split_part(each.name, '.', 2))
            )
            ORDER BY each.event_no
        ) FILTER (WHERE each.name LIKE 'gen\_ai.%%.message') AS asked,
        (
            jsonb_agg(each.body ORDER BY each.event_no) FILTER (WHERE each.name = 'gen_ai.choice')
        ) -> 0 AS answered
    FROM (
        SELECT
            listed.event_no,
            json_text(json_first(listed.event -> 'name', listed.event -> 'event_name')) AS name,
            CASE jsonb_typeof(listed.event -> 'body')
                WHEN 'object' THEN listed.event -> 'body'
                ELSE (
                    SELECT
                        coalesce(
                            jsonb_object_agg(said.name, json_opened(said.value)), '{}'::jsonb
                        )
                    FROM
                        jsonb_each(
                            CASE jsonb_typeof(listed.event -> 'attributes')
                                WHEN 'object' THEN listed.event -> 'attributes'
                            END
                        ) AS said (name, value)
                )
            END AS body
        FROM
            jsonb_array_elements(array_or_empty(event.p -> 'events'))
            WITH ORDINALITY AS listed (event, event_no)
    ) AS each
) AS told
WHERE recognized.shape = 'opentelemetry'
