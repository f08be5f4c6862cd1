-- Streams of every family that has one, as the response that their events make. Nothing here
-- raises.

-- The parts of tool calls that a stream brought, each with chunk, id, index and function, as calls.
-- Some servers number all calls 0, or none; some give no ids; some repeat id and name in every
-- part, and some cut a name in two.
CREATE FUNCTION streamed_calls(parts jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    ids text[] := '{}';
    places text[] := '{}';
    names text[] := '{}';
    texts text[] := '{}';
    part jsonb;
    said jsonb;
    part_id text;
    part_place text;
    part_name text;
    part_text text;
    chunk_before text;
    target integer;
    starts boolean;
BEGIN
    FOR part IN
        SELECT listed.part FROM jsonb_array_elements(array_or_empty(parts)) AS listed (part)
    LOOP
        said := json_opened(json_best(part -> 'function', part -> 'custom', part));
        part_id := nullif(json_text(json_best(part -> 'id', part -> 'call_id')), '');
        part_place := json_text(part -> 'index');
        part_name := nullif(json_text(said -> 'name'), '');
        part_text := coalesce(
            json_as_text(json_best(said -> 'arguments', said -> 'input')) #>> '{}', ''
        );
        target := NULL;
        starts := FALSE;
        FOR known IN REVERSE cardinality(ids) .. 1 LOOP
            target := CASE
                WHEN part_id IS NOT NULL AND ids[known] <> ''
                    THEN CASE WHEN ids[known] = part_id THEN known END
                WHEN part_place IS NOT NULL AND places[known] <> ''
                    THEN CASE WHEN places[known] = part_place THEN known END
                -- Two in one chunk are two calls.
                WHEN part_name IS NULL OR part ->> 'chunk' IS DISTINCT FROM chunk_before THEN known
            END;
            EXIT WHEN target IS NOT NULL;
        END LOOP;
        IF target IS NULL THEN
            starts := TRUE;
        ELSIF part_id IS NOT NULL AND ids[target] = part_id THEN
            starts := FALSE;
        ELSIF part_name IS NOT NULL AND names[target] <> '' THEN
            -- A name more is a call more, a piece of the same name, or the same once again.
            starts := CASE
                WHEN part_name = names[target]
                    THEN texts[target] <> '' AND json_from_text(texts[target]) IS NOT NULL
                WHEN texts[target] <> '' THEN TRUE
                ELSE part_place IS NULL AND json_from_text(part_text) IS NOT NULL
            END;
        END IF;
        IF starts THEN
            ids := ids || coalesce(part_id, '');
            places := places || coalesce(part_place, '');
            names := names || coalesce(part_name, '');
            texts := texts || part_text;
        ELSE
            IF part_id IS NOT NULL AND ids[target] = '' THEN
                ids[target] := part_id;
            END IF;
            IF part_name IS NOT NULL AND texts[target] = '' AND part_name <> names[target] THEN
                names[target] := names[target] || part_name;
            END IF;
            texts[target] := texts[target] || part_text;
        END IF;
        chunk_before := part ->> 'chunk';
    END LOOP;
    RETURN (
        SELECT
            jsonb_agg(
                json_said(
                    jsonb_build_object(
                        'id', nullif(called.id, ''),
                        'type', 'function',
                        'function',
                        json_said(
                            jsonb_build_object(
                                'name', nullif(called.name, ''), 'arguments', called.arguments
                            )
                        )
                    )
                ) ORDER BY called.call_no
            )
        FROM unnest(ids, names, texts) WITH ORDINALITY
            AS called (id, name, arguments, call_no)
    );
END
$$;

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
            (array_agg(choice.finish_reason ORDER BY choice.chunk_no DESC)
                FILTER (WHERE choice.finish_reason IS NOT NULL))[1] AS finish_reason,
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

-- Events of Anthropic's Messages as the message that they make.
CREATE FUNCTION whole_anthropic(events jsonb) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (
    WITH event AS MATERIALIZED (
        SELECT
            listed.event,
            listed.event_no,
            listed.event ->> 'type' AS kind,
            coalesce(json_bigint(listed.event -> 'index'), 0) AS block_no
        FROM jsonb_array_elements(array_or_empty(events)) WITH ORDINALITY
            AS listed (event, event_no)
    ),

    block AS (
        SELECT
            event.block_no,
            coalesce(
                (jsonb_agg(event.event -> 'content_block')
                    FILTER (WHERE jsonb_typeof(event.event -> 'content_block') = 'object')) -> 0,
                '{}'::jsonb
            ) AS begun,
            string_agg(json_text(event.event #> '{delta,text}'), '' ORDER BY event.event_no)
                AS words,
            string_agg(json_text(event.event #> '{delta,thinking}'), '' ORDER BY event.event_no)
                AS thinking,
            string_agg(
                json_text(event.event #> '{delta,partial_json}'), '' ORDER BY event.event_no
            ) AS arguments
        FROM event
        WHERE event.kind IN ('content_block_start', 'content_block_delta')
        GROUP BY event.block_no
    )

    SELECT
        json_said(
            jsonb_build_object(
                'type',
                CASE
                    WHEN
                        bool_or(event.kind = 'error')
                        AND NOT bool_or(event.kind IN ('message_start', 'content_block_delta'))
                        THEN 'error'
                    ELSE 'message'
                END,
                'role', 'assistant',
                'model', (jsonb_agg(event.event #> '{message,model}')
                    FILTER (WHERE event.kind = 'message_start')) -> 0,
                'content',
                (
                    SELECT
                        jsonb_agg(
                            block.begun
                            || CASE
                                WHEN
                                    block.thinking IS NOT NULL
                                    OR block.begun ->> 'type' = 'thinking'
                                    THEN jsonb_build_object(
                                        'type', 'thinking',
                                        'thinking',
                                        coalesce(json_text(block.begun -> 'thinking'), '')
                                        || coalesce(block.thinking, '')
                                    )
                                WHEN block.words IS NOT NULL OR block.begun ->> 'type' = 'text'
                                    THEN jsonb_build_object(
                                        'type', 'text',
                                        'text',
                                        coalesce(json_text(block.begun -> 'text'), '')
                                        || coalesce(block.words, '')
                                    )
                                WHEN block.arguments <> ''
                                    THEN jsonb_build_object('input', block.arguments)
                                    || CASE
                                        WHEN block.begun ? 'type' THEN '{}'::jsonb
                                        ELSE '{"type": "tool_use"}'::jsonb
                                    END
                                ELSE '{}'::jsonb
                            END
                            ORDER BY block.block_no
                        )
                    FROM block
                ),
                'stop_reason',
                (jsonb_agg(event.event #> '{delta,stop_reason}' ORDER BY event.event_no DESC)
                    FILTER (
                        WHERE jsonb_typeof(event.event #> '{delta,stop_reason}') = 'string'
                    )) -> 0,
                'error',
                (jsonb_agg(json_first(event.event -> 'error', event.event))
                    FILTER (WHERE event.kind = 'error')) -> 0,
                'usage',
                (
                    SELECT jsonb_object_agg(figure.name, figure.value ORDER BY told.event_no)
                    FROM event AS told
                    CROSS JOIN LATERAL
                        jsonb_each(
                            json_said(
                                json_first(
                                    told.event #> '{message,usage}', told.event -> 'usage'
                                )
                            )
                        ) AS figure (name, value)
                )
            )
        )
    FROM event
);

-- Gemini's responses of a stream as one: of each candidate, the parts of one kind run together.
CREATE FUNCTION whole_gemini(chunks jsonb) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (
    WITH chunk AS MATERIALIZED (
        SELECT
            listed.chunk_no,
            CASE jsonb_typeof(listed.chunk -> 'response')
                WHEN 'object' THEN listed.chunk -> 'response'
                ELSE listed.chunk
            END AS body
        FROM jsonb_array_elements(array_or_empty(chunks)) WITH ORDINALITY
            AS listed (chunk, chunk_no)
    ),

    candidate AS MATERIALIZED (
        SELECT
            chunk.chunk_no,
            listed.candidate,
            coalesce(json_bigint(listed.candidate -> 'index'), 0) AS candidate_no
        FROM chunk
        CROSS JOIN LATERAL
            jsonb_array_elements(array_or_empty(json_opened(chunk.body -> 'candidates')))
            AS listed (candidate)
    ),

    piece AS (
        SELECT
            candidate.candidate_no,
            listed.part,
            row_number() OVER (
                PARTITION BY candidate.candidate_no ORDER BY candidate.chunk_no, listed.part_no
            ) AS part_no,
            CASE
                WHEN coalesce(jsonb_typeof(listed.part -> 'text'), '') <> 'string' THEN 'other'
                WHEN json_boolean(listed.part -> 'thought') THEN 'thought'
                ELSE 'text'
            END AS kind
        FROM candidate
        CROSS JOIN LATERAL
            jsonb_array_elements(array_or_empty(candidate.candidate #> '{content,parts}'))
            WITH ORDINALITY AS listed (part, part_no)
    ),

    marked AS (
        SELECT
            piece.*,
            piece.part_no
            - row_number() OVER (
                PARTITION BY piece.candidate_no, piece.kind ORDER BY piece.part_no
            ) AS run_no
        FROM piece
    ),

    run AS (
        SELECT
            marked.candidate_no,
            min(marked.part_no) AS part_no,
            CASE
                WHEN marked.kind = 'other'
                    THEN jsonb_agg(marked.part ORDER BY marked.part_no)
                ELSE jsonb_build_array(
                    json_said(
                        jsonb_build_object(
                            'text', string_agg(marked.part ->> 'text', '' ORDER BY marked.part_no),
                            'thought', CASE WHEN marked.kind = 'thought' THEN TRUE END
                        )
                    )
                )
            END AS parts
        FROM marked
        GROUP BY marked.candidate_no, marked.kind, marked.run_no
    ),

    whole AS (
        SELECT
            candidate.candidate_no,
            (array_agg(
                json_first(
                    candidate.candidate -> 'finishReason', candidate.candidate -> 'finish_reason'
                ) ORDER BY candidate.chunk_no DESC
            ) FILTER (
                WHERE
                json_first(
                    candidate.candidate -> 'finishReason', candidate.candidate -> 'finish_reason'
                ) IS NOT NULL
            ))[1] AS finish_reason
        FROM candidate
        GROUP BY candidate.candidate_no
    )

    SELECT
        jsonb_build_object(
            'candidates',
            coalesce(
                (
                    SELECT
                        jsonb_agg(
                            json_said(
                                jsonb_build_object(
                                    'index', whole.candidate_no,
                                    'finishReason', whole.finish_reason,
                                    'content',
                                    jsonb_build_object(
                                        'role', 'model',
                                        'parts',
                                        coalesce(
                                            (
                                                SELECT
                                                    jsonb_agg(
                                                        one.part ORDER BY run.part_no, one.part_no
                                                    )
                                                FROM run
                                                CROSS JOIN LATERAL
                                                    jsonb_array_elements(run.parts)
                                                    WITH ORDINALITY AS one (part, part_no)
                                                WHERE run.candidate_no = whole.candidate_no
                                            ),
                                            '[]'::jsonb
                                        )
                                    )
                                )
                            ) ORDER BY whole.candidate_no
                        )
                    FROM whole
                ),
                '[]'::jsonb
            )
        )
        || coalesce(
            (
                SELECT jsonb_object_agg(figure.name, figure.value ORDER BY chunk.chunk_no)
                FROM chunk
                CROSS JOIN LATERAL
                    jsonb_each(CASE WHEN jsonb_typeof(chunk.body) = 'object' THEN chunk.body END)
                        AS figure (name, value)
                WHERE figure.name <> 'candidates' AND figure.value <> 'null'::jsonb
            ),
            '{}'::jsonb
        )
);

-- Ollama's objects of a stream (chat or generate), and those of llama.cpp's own completions: the
-- last has the figures, the others pieces of the text.
CREATE FUNCTION whole_lines(lines jsonb) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (
    WITH line AS MATERIALIZED (
        SELECT
            listed.line,
            listed.line_no
        FROM jsonb_array_elements(array_or_empty(lines)) WITH ORDINALITY
            AS listed (line, line_no)
        WHERE jsonb_typeof(listed.line) = 'object'
    )

    SELECT
        (jsonb_agg(
            json_said(line.line)
            ORDER BY line.line @? '$ ? (@.done == true || @.stop == true)' DESC, line.line_no DESC
        ) -> 0)
        || json_said(
            jsonb_build_object(
                'content', string_agg(json_text(line.line -> 'content'), '' ORDER BY line.line_no),
                'response',
                string_agg(json_text(line.line -> 'response'), '' ORDER BY line.line_no),
                'thinking',
                string_agg(json_text(line.line -> 'thinking'), '' ORDER BY line.line_no),
                'error',
                (jsonb_agg(line.line -> 'error') FILTER (WHERE line.line ? 'error')) -> 0,
                'message',
                CASE
                    WHEN bool_or(jsonb_typeof(line.line -> 'message') = 'object')
                        THEN json_said(
                            jsonb_build_object(
                                'role', 'assistant',
                                'content',
                                string_agg(
                                    json_text(line.line #> '{message,content}'), ''
                                    ORDER BY line.line_no
                                ),
                                'thinking',
                                string_agg(
                                    json_text(line.line #> '{message,thinking}'), ''
                                    ORDER BY line.line_no
                                ),
                                'tool_calls',
                                (
                                    SELECT
                                        jsonb_agg(
                                            called.call ORDER BY told.line_no, called.call_no
                                        )
                                    FROM line AS told
                                    CROSS JOIN LATERAL
                                        jsonb_array_elements(
                                            array_or_empty(told.line #> '{message,tool_calls}')
                                        ) WITH ORDINALITY AS called (call, call_no)
                                )
                            )
                        )
                END
            )
        )
    FROM line
);

-- Events of OpenAI's Responses: the last tells the whole. Of a stream that was cut off, or whose
-- last event has no items, the items are put together.
CREATE FUNCTION whole_responses(events jsonb) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (
    WITH event AS MATERIALIZED (
        SELECT
            listed.event,
            listed.event_no,
            listed.event ->> 'type' AS kind,
            coalesce(json_bigint(listed.event -> 'output_index'), 0) AS item_no
        FROM jsonb_array_elements(array_or_empty(events)) WITH ORDINALITY
            AS listed (event, event_no)
    ),

    piece AS (
        SELECT
            event.item_no,
            (jsonb_agg(event.event -> 'item' ORDER BY event.event_no DESC)
                FILTER (WHERE event.kind = 'response.output_item.done')) -> 0 AS done,
            (jsonb_agg(event.event -> 'item')
                FILTER (WHERE event.kind = 'response.output_item.added')) -> 0 AS added,
            string_agg(event.event ->> 'delta', '' ORDER BY event.event_no)
                FILTER (WHERE event.kind = 'response.output_text.delta') AS words,
            string_agg(event.event ->> 'delta', '' ORDER BY event.event_no)
                FILTER (WHERE event.kind = 'response.refusal.delta') AS refusal,
            string_agg(event.event ->> 'delta', '' ORDER BY event.event_no)
                FILTER (WHERE event.kind LIKE 'response.reasoning%.delta') AS reasoning,
            string_agg(event.event ->> 'delta', '' ORDER BY event.event_no)
                FILTER (
                    WHERE event.kind IN (
                        'response.function_call_arguments.delta',
                        'response.custom_tool_call_input.delta'
                    )
                ) AS arguments
        FROM event
        WHERE
            event.kind LIKE 'response.%'
            AND (event.event ? 'item' OR event.event ? 'delta')
        GROUP BY event.item_no
    ),

    told AS (
        SELECT
            coalesce(
                (jsonb_agg(event.event -> 'response' ORDER BY event.event_no DESC)
                    FILTER (WHERE jsonb_typeof(event.event -> 'response') = 'object')) -> 0,
                '{"object": "response"}'::jsonb
            ) AS response,
            (jsonb_agg(json_first(event.event -> 'error', event.event))
                FILTER (WHERE event.kind = 'error')) -> 0 AS error
        FROM event
    )

    SELECT
        told.response
        || CASE
            WHEN json_filled(told.response -> 'output') IS NOT NULL THEN '{}'::jsonb
            ELSE json_said(
                jsonb_build_object(
                    'output',
                    (
                        SELECT
                            jsonb_agg(
                                CASE
                                    WHEN jsonb_typeof(piece.done) = 'object' THEN piece.done
                                    WHEN
                                        piece.words IS NOT NULL OR piece.refusal IS NOT NULL
                                        THEN jsonb_build_object(
                                            'type', 'message',
                                            'role', 'assistant',
                                            'content',
                                            jsonb_build_array(
                                                json_said(
                                                    jsonb_build_object(
                                                        'type',
                                                        CASE
                                                            WHEN piece.words IS NULL
                                                                THEN 'refusal'
                                                            ELSE 'output_text'
                                                        END,
                                                        'text', piece.words,
                                                        'refusal', piece.refusal
                                                    )
                                                )
                                            )
                                        )
                                    WHEN piece.reasoning IS NOT NULL
                                        THEN jsonb_build_object(
                                            'type', 'reasoning',
                                            'summary',
                                            jsonb_build_array(
                                                jsonb_build_object(
                                                    'type', 'summary_text', 'text', piece.reasoning
                                                )
                                            )
                                        )
                                    WHEN jsonb_typeof(piece.added) = 'object'
                                        THEN piece.added || CASE
                                            WHEN piece.arguments IS NULL THEN '{}'::jsonb
                                            WHEN piece.added ->> 'type' = 'custom_tool_call'
                                                THEN jsonb_build_object('input', piece.arguments)
                                            ELSE jsonb_build_object('arguments', piece.arguments)
                                        END
                                END ORDER BY piece.item_no
                            )
                        FROM piece
                    )
                )
            )
        END
        || json_said(jsonb_build_object('error', json_first(told.response -> 'error', told.error)))
    FROM told
);

-- Lines of a stream's text (server-sent events, or JSON line by line) as the list of what they
-- hold; data that runs over several lines is one.
CREATE FUNCTION stream_lines(body text) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (
    WITH line AS MATERIALIZED (
        SELECT
            cut.line,
            cut.line_no,
            count(*) FILTER (WHERE cut.line ~ '^\s*$') OVER (ORDER BY cut.line_no) AS event_no
        FROM string_to_table(body, E'\n') WITH ORDINALITY AS cut (line, line_no)
    ),

    said AS MATERIALIZED (
        SELECT
            line.event_no,
            line.line_no,
            regexp_replace(line.line, '^data:', '') AS body,
            json_from_text(regexp_replace(line.line, '^data:', '')) AS found
        FROM line
        WHERE line.line ~ '^(data:|\s*\{)'
    ),

    whole AS (
        SELECT
            said.event_no,
            min(said.line_no) AS line_no,
            coalesce(
                jsonb_agg(said.found ORDER BY said.line_no) FILTER (WHERE said.found IS NOT NULL),
                jsonb_build_array(
                    json_from_text(string_agg(said.body, E'\n' ORDER BY said.line_no))
                )
            ) AS found
        FROM said
        GROUP BY said.event_no
    )

    SELECT jsonb_agg(one.event ORDER BY whole.line_no, one.event_no)
    FROM whole
    CROSS JOIN LATERAL
        jsonb_array_elements(whole.found) WITH ORDINALITY AS one (event, event_no)
    WHERE jsonb_typeof(one.event) = 'object'
);

-- A stream's events, each out of what it was wrapped in; NULL if there are none.
CREATE FUNCTION stream_events(response jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    body text;
BEGIN
    IF jsonb_typeof(response) = 'string' THEN
        body := response #>> '{}';
        IF
            body ~ '(^|\n)data:\s*(\{|\[DONE\])'
            OR body ~ '^\s*\{' AND body ~ '\}\s*\n\s*(\{|data:)'
        THEN
            RETURN stream_lines(body);
        END IF;
        RETURN NULL;
    ELSIF jsonb_typeof(response) IS DISTINCT FROM 'array' THEN
        RETURN NULL;
    ELSIF response @? '$[*] ? (@.type() == "string")' THEN
        RETURN stream_lines((
            SELECT string_agg(
                CASE jsonb_typeof(listed.line)
                    WHEN 'string' THEN listed.line #>> '{}'
                    ELSE listed.line::text
                END, E'\n' ORDER BY listed.line_no
            )
            FROM jsonb_array_elements(response) WITH ORDINALITY AS listed (line, line_no)
        ));
    ELSIF response @? '$[*] ? (exists (@.data) && !exists (@.type) && !exists (@.choices))' THEN
        RETURN (
            SELECT jsonb_agg(said.event ORDER BY said.event_no)
            FROM (
                SELECT
                    listed.event_no,
                    CASE
                        WHEN jsonb_typeof(listed.event) = 'object' AND listed.event ? 'data'
                            THEN json_opened(listed.event -> 'data')
                        ELSE listed.event
                    END AS event
                FROM jsonb_array_elements(response) WITH ORDINALITY AS listed (event, event_no)
            ) AS said
            WHERE jsonb_typeof(said.event) = 'object'
        );
    END IF;
    RETURN response;
END
$$;

-- Whose stream these events are of; NULL if they are none.
CREATE FUNCTION stream_family(events jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN jsonb_typeof(events) IS DISTINCT FROM 'array' THEN NULL
    WHEN
        events @? '$[*] ? (
            @.type == "message_start" || @.type == "content_block_delta"
            || @.type == "content_block_start"
        )'
        THEN 'anthropic'
    WHEN events @? '$[*] ? (@.type starts with "response." && !exists (@.choices))'
        THEN 'openai_responses'
    WHEN
        events @? '$[*] ? (
            @.choices.type() == "array" || @.object == "chat.completion.chunk"
            || @.choices starts with "["
        )'
        THEN 'openai'
    WHEN
        events @? '$[*] ? (
            exists (@.candidates) || exists (@.usageMetadata) || exists (@.response.candidates)
        )'
        THEN 'gemini'
    WHEN
        events @? '$[*] ? (
            @.done.type() == "boolean" && (exists (@.message) || exists (@.response))
            || @.stop.type() == "boolean" && @.content.type() == "string" && !exists (@.role)
        )'
        THEN 'lines'
    -- Nothing but an error came.
    WHEN events @? '$[*] ? (@.type == "error" && @.error.type() == "object")' THEN 'anthropic'
    WHEN events @? '$[*].error ? (@.message.type() == "string")' THEN 'openai'
END;

-- Whether this is the list of a stream's events.
CREATE OR REPLACE FUNCTION are_chunks(list jsonb) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE jsonb_typeof(list)
    WHEN 'array' THEN stream_family(stream_events(list)) IS NOT NULL
    ELSE FALSE
END;

-- A stream as the response that it makes; NULL if it is none.
CREATE FUNCTION whole_stream(response jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    events jsonb := stream_events(response);
BEGIN
    RETURN CASE stream_family(events)
        WHEN 'openai' THEN whole_response(events)
        WHEN 'anthropic' THEN whole_anthropic(events)
        WHEN 'openai_responses' THEN whole_responses(events)
        WHEN 'gemini' THEN whole_gemini(events)
        WHEN 'lines' THEN whole_lines(events)
    END;
END
$$;

-- A function's parameters are no columns, which the linter cannot know.
-- sqlfluff:exclude_rules:ST06,RF04,RF02,AL03,AL05,AL07,ST10,RF03,LT02,ST05
