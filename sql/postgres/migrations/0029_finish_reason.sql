-- A stream that says why it ended more than once: `stop` gives way to any other reason, and of
-- others the first counts, as for answers of slots (`slot.answers`).

-- Chunks of OpenAI's chat completions, or text completions, as one whole response.
CREATE OR REPLACE FUNCTION whole_response(chunks jsonb) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (
    WITH chunk AS MATERIALIZED (
        SELECT
            listed.chunk_no,
            listed.chunk AS body
        FROM
            jsonb_array_elements(array_or_empty(chunks))
            WITH ORDINALITY AS listed (chunk, chunk_no)
    ),

    choice AS MATERIALIZED (
        SELECT
            chunk.chunk_no,
            coalesce(json_bigint(listed.choice -> 'index'), 0) AS choice_index,
            json_first(listed.choice -> 'delta', listed.choice -> 'message') AS delta,
            listed.choice -> 'text' AS choice_text,
            nullif(json_text(listed.choice -> 'finish_reason'), '') AS finish_reason
        FROM chunk
        CROSS JOIN LATERAL
            jsonb_array_elements(
                CASE jsonb_typeof(chunk.body -> 'choices')
                    WHEN 'array' THEN chunk.body -> 'choices'
                    WHEN 'string' THEN array_or_empty(json_opened(chunk.body -> 'choices'))
                    ELSE '[]'::jsonb
                END
            ) AS listed (choice)
    ),

    called AS (
        SELECT
            part.choice_index,
            streamed_calls(
                jsonb_agg(
                    jsonb_build_object('chunk', part.chunk_no) || part.said
                    ORDER BY part.chunk_no, part.part_no
                )
            ) AS calls
        FROM (
            SELECT
                choice.choice_index,
                choice.chunk_no,
                listed.part_no,
                json_opened(listed.part) AS said
            FROM choice
            CROSS JOIN LATERAL
                jsonb_array_elements(array_or_empty(json_opened(choice.delta -> 'tool_calls')))
                WITH ORDINALITY AS listed (part, part_no)
            WHERE choice.delta ? 'tool_calls'
            UNION ALL
            SELECT
                choice.choice_index,
                choice.chunk_no,
                0 AS part_no,
                jsonb_build_object(
                    'function', json_opened(choice.delta -> 'function_call')
                ) AS said
            FROM choice
            WHERE
                choice.delta ? 'function_call'
                AND jsonb_typeof(json_opened(choice.delta -> 'function_call')) = 'object'
        ) AS part
        WHERE jsonb_typeof(part.said) = 'object'
        GROUP BY part.choice_index
    ),

    said AS (
        SELECT
            choice.choice_index,
            choice.chunk_no,
            CASE
                WHEN
                    jsonb_typeof(choice.delta -> 'content') = 'string'
                    AND choice.choice_text IS NULL
                    THEN choice.delta -> 'content'
                ELSE json_best(choice.delta -> 'content', choice.choice_text)
            END AS content,
            CASE
                WHEN choice.delta ?| '{reasoning_content,reasoning,thinking}'::text[]
                    THEN content_text(
                        json_best(
                            choice.delta -> 'reasoning_content', choice.delta -> 'reasoning',
                            choice.delta -> 'thinking'
                        )
                    )
            END AS reasoning
        FROM choice
    ),

    piece AS (
        SELECT
            said.choice_index,
            string_agg(
                CASE jsonb_typeof(said.content)
                    WHEN 'string' THEN said.content #>> '{}'
                    WHEN 'array'
                        THEN (
                            SELECT
                                string_agg(
                                    message_part(listed.part) ->> 'text', ''
                                    ORDER BY listed.part_no
                                )
                            FROM
                                jsonb_array_elements(said.content)
                                WITH ORDINALITY AS listed (part, part_no)
                        )
                END, '' ORDER BY said.chunk_no
            ) AS words,
            string_agg(
                CASE
                    WHEN coalesce(said.reasoning, '') <> '' THEN said.reasoning
                    WHEN jsonb_typeof(said.content) = 'array'
                        THEN (
                            SELECT
                                string_agg(
                                    message_part(listed.part) ->> 'reasoning', ''
                                    ORDER BY listed.part_no
                                )
                            FROM
                                jsonb_array_elements(said.content)
                                WITH ORDINALITY AS listed (part, part_no)
                        )
                    ELSE said.reasoning
                END, '' ORDER BY said.chunk_no
            ) AS reasoning
        FROM said
        GROUP BY said.choice_index
    ),

    whole AS (
        SELECT
            choice.choice_index,
            bool_or(choice.delta IS NOT NULL) AS is_chat,
            (array_agg(
                choice.finish_reason
                ORDER BY openai_finish_reason(choice.finish_reason) = 'stop', choice.chunk_no
            ) FILTER (WHERE choice.finish_reason IS NOT NULL))[1] AS finish_reason,
            string_agg(
                json_text(choice.delta -> 'refusal'), '' ORDER BY choice.chunk_no
            ) AS refusal
        FROM choice
        GROUP BY choice.choice_index
    )

    SELECT
        json_said(
            jsonb_build_object(
                'object',
                CASE
                    WHEN NOT bool_or(whole.is_chat) THEN 'text_completion'
                    ELSE 'chat.completion.chunk'
                END,
                'choices',
                jsonb_agg(
                    CASE
                        WHEN whole.is_chat
                            THEN jsonb_build_object(
                                'index', whole.choice_index,
                                'finish_reason', whole.finish_reason,
                                'message',
                                json_said(
                                    jsonb_build_object(
                                        'role', 'assistant',
                                        'content', piece.words,
                                        'reasoning_content', piece.reasoning,
                                        'refusal', whole.refusal,
                                        'tool_calls', called.calls
                                    )
                                )
                            )
                        ELSE jsonb_build_object(
                            'index', whole.choice_index,
                            'finish_reason', whole.finish_reason,
                            'text', piece.words
                        )
                    END ORDER BY whole.choice_index
                )
            )
        )
        || coalesce(
            (
                SELECT jsonb_object_agg(figure.name, figure.value ORDER BY chunk.chunk_no)
                FROM chunk
                CROSS JOIN LATERAL (
                    SELECT
                        member.name,
                        json_opened(member.value) AS value
                    FROM
                        jsonb_each(
                            CASE
                                WHEN jsonb_typeof(chunk.body) = 'object'
                                    THEN CASE jsonb_typeof(chunk.body #> '{x_groq,usage}')
                                        WHEN 'object' THEN (chunk.body -> 'x_groq') || chunk.body
                                        ELSE chunk.body
                                    END
                            END
                        ) AS member (name, value)
                    WHERE member.name IN ('model', 'usage', 'timings', 'metrics', 'error')
                ) AS figure
                WHERE figure.value NOT IN ('null', '""')
            ),
            '{}'::jsonb
        )
    FROM whole
    LEFT JOIN piece ON whole.choice_index = piece.choice_index
    LEFT JOIN called ON whole.choice_index = called.choice_index
);

-- A function's parameters are no columns, which the linter cannot know.
-- sqlfluff:exclude_rules:ST06,RF04,RF02,AL03,AL05,AL07,ST10,RF03,LT02,ST05
