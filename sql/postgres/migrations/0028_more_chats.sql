-- Chats of AWS Bedrock's Converse and of Cohere, exports of OpenTelemetry's, attributes as objects
-- within objects, messages as LangChain writes them. And what one message could make cost minutes:
-- thousands of calls or candidates of one stream. Nothing here raises.
-- Rows from before stay as they are until their day is rebuilt.

-- What one part of a Bedrock message is, as `message_part` says it: the part's one member names it.
CREATE FUNCTION bedrock_part(part jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    kind text;
    said jsonb;
BEGIN
    SELECT member.name, member.value INTO kind, said
    FROM jsonb_each(part) AS member (name, value)
    WHERE member.name IN (
        'toolUse', 'toolResult', 'reasoningContent', 'citationsContent', 'guardContent', 'image',
        'document', 'video', 'audio'
    )
    LIMIT 1;
    RETURN CASE kind
    WHEN 'toolUse'
        THEN jsonb_build_object(
            'call', openai_call(json_said(said || jsonb_build_object('id', said -> 'toolUseId')))
        )
    WHEN 'toolResult'
        THEN jsonb_build_object(
            'result',
            json_said(
                jsonb_build_object(
                    'role', 'tool',
                    'tool_call_id', said -> 'toolUseId',
                    'content', bedrock_result(said -> 'content')
                )
            )
        )
    WHEN 'reasoningContent'
        THEN json_said(
            jsonb_build_object(
                'reasoning', json_first(said #> '{reasoningText,text}', said -> 'text')
            )
        )
    WHEN 'citationsContent'
        THEN json_said(jsonb_build_object('text', content_text(said -> 'content')))
    WHEN 'guardContent'
        THEN json_said(
            jsonb_build_object('text', json_first(said #> '{text,text}', said -> 'text'))
        )
    ELSE
        CASE
            WHEN kind IS NULL THEN NULL
            WHEN jsonb_typeof(said) <> 'object' THEN jsonb_build_object('media', part)
            ELSE jsonb_build_object(
                'media',
                openai_media(
                    to_jsonb(kind || '/' || coalesce(json_text(said -> 'format'), '*')),
                    said #> '{source,bytes}', said #> '{source,s3Location,uri}'
                )
            )
        END
    END;
END
$$;

-- What a tool answered to a Bedrock model, as the text that a message of role tool has.
CREATE FUNCTION bedrock_result(content jsonb) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE jsonb_typeof(content)
    WHEN 'array'
        THEN (
            SELECT
                to_jsonb(
                    string_agg(
                        CASE
                            WHEN jsonb_typeof(listed.part -> 'text') = 'string'
                                THEN listed.part ->> 'text'
                            ELSE json_first(listed.part -> 'json', listed.part)::text
                        END, E'\n' ORDER BY listed.part_no
                    )
                )
            FROM jsonb_array_elements(content) WITH ORDINALITY AS listed (part, part_no)
        )
    ELSE json_as_text(content)
END;

-- Attributes of a model's, by their whole names: gen_ai.usage.input_tokens, which some senders
-- nest as {"gen_ai": {"usage": {"input_tokens": …}}}. What a tool takes and gives stays whole.
CREATE FUNCTION gen_ai_flat(named jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    IF NOT named @? '$.* ? (@.type() == "object")' THEN
        RETURN named;
    END IF;
    RETURN (
        WITH RECURSIVE member AS (
            SELECT
                each.name,
                each.value,
                0 AS depth
            FROM jsonb_each(named) AS each (name, value)
            WHERE each.name = 'gen_ai' OR each.name LIKE 'gen\_ai.%'
            UNION ALL
            SELECT
                member.name || '.' || inner_one.name,
                inner_one.value,
                member.depth + 1
            FROM member
            CROSS JOIN LATERAL
                jsonb_each(CASE WHEN jsonb_typeof(member.value) = 'object' THEN member.value END)
                    AS inner_one (name, value)
            WHERE
                member.depth < 8
                AND member.name NOT IN (
                    'gen_ai.tool.call.arguments', 'gen_ai.tool.call.result',
                    'gen_ai.tool.arguments', 'gen_ai.tool.result'
                )
        )

        SELECT
            coalesce(
                jsonb_object_agg(member.name, member.value ORDER BY member.depth DESC)
                    FILTER (WHERE member.depth > 0 AND member.value <> 'null'),
                '{}'
            ) || (named - 'gen_ai')
        FROM member
    );
END
$$;

-- Deeper than this, PostgreSQL's parser may fail for want of stack, which cannot be asked before.
CREATE OR REPLACE FUNCTION json_is_shallow(body text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN length(body) < 2000 THEN TRUE
    WHEN length(body) - length(translate(body, '[{', '')) < 2000 THEN TRUE
    -- As a rule what is too deep is so from its beginning, which costs less to see.
    WHEN json_depth(left(body, 10000)) >= 2000 THEN FALSE
    ELSE json_depth(body) < 2000
END;

-- What one part of a message is: an object whose only member names it (text, reasoning, refusal,
-- call, result, media). NULL if it says nothing.
CREATE OR REPLACE FUNCTION message_part(part jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN CASE
    WHEN jsonb_typeof(part) = 'string' THEN jsonb_build_object('text', part)
    WHEN jsonb_typeof(part) <> 'object' THEN NULL
    WHEN
        NOT part ? 'type'
        AND part ?| '{
            toolUse,toolResult,reasoningContent,citationsContent,guardContent,image,document,
            video,audio,cachePoint
        }'::text[]
        THEN bedrock_part(part)
    WHEN part ?| '{functionCall,function_call}'::text[]
        THEN jsonb_build_object('call', openai_call(part))
    WHEN part ?| '{functionResponse,function_response}'::text[]
        THEN jsonb_build_object(
            'result',
            json_said(
                jsonb_build_object(
                    'role', 'tool',
                    'tool_call_id',
                    json_first(
                        part -> 'functionResponse', part -> 'function_response'
                    ) -> 'id',
                    'name',
                    json_first(
                        part -> 'functionResponse', part -> 'function_response'
                    ) -> 'name',
                    'content',
                    result_text(
                        json_first(
                            part -> 'functionResponse', part -> 'function_response'
                        ) -> 'response'
                    )
                )
            )
        )
    WHEN json_boolean(part -> 'thought') THEN jsonb_build_object('reasoning', part -> 'text')
    WHEN
        part ->> 'type' IN ('text', 'input_text', 'output_text')
        OR (NOT part ? 'type' AND part ? 'text')
        THEN jsonb_build_object(
            'text', content_text(json_first(part -> 'text', part -> 'content'))
        )
    WHEN part ->> 'type' IN ('thinking', 'reasoning', 'reasoning_text', 'summary_text')
        THEN jsonb_build_object(
            'reasoning',
            content_text(
                json_first(
                    part -> 'thinking', part -> 'text', part -> 'content', part -> 'reasoning'
                )
            )
        )
    WHEN part ->> 'type' = 'redacted_thinking' THEN NULL
    WHEN part ->> 'type' = 'refusal' THEN jsonb_build_object('refusal', part -> 'refusal')
    WHEN
        part ->> 'type'
        IN ('tool_use', 'server_tool_use', 'mcp_tool_use', 'tool_call', 'tool-call')
        THEN jsonb_build_object('call', openai_call(part))
    WHEN
        part ->> 'type' LIKE '%\_tool\_result'
        OR part ->> 'type' IN ('tool_result', 'tool_call_response', 'tool-result')
        THEN jsonb_build_object(
            'result',
            json_said(
                jsonb_build_object(
                    'role', 'tool',
                    'tool_call_id',
                    json_first(
                        part -> 'tool_use_id', part -> 'id', part -> 'call_id',
                        json_first(part -> 'tool_call_id', part -> 'toolCallId')
                    ),
                    'name', part -> 'toolName',
                    'content',
                    result_text(
                        json_first(
                            part -> 'content', part -> 'response', part -> 'result',
                            -- {"type": "json", "value": …} is how Vercel's SDK wraps it.
                            json_first(part #> '{output,value}', part -> 'output')
                        )
                    )
                )
            )
        )
    WHEN part ?| '{inlineData,inline_data}'::text[]
        THEN jsonb_build_object(
            'media',
            openai_media(
                json_first(
                    part #> '{inlineData,mimeType}', part #> '{inline_data,mime_type}'
                ),
                json_first(part #> '{inlineData,data}', part #> '{inline_data,data}'),
                NULL
            )
        )
    WHEN part ?| '{fileData,file_data}'::text[]
        THEN jsonb_build_object(
            'media',
            openai_media(
                NULL, NULL,
                json_first(part #> '{fileData,fileUri}', part #> '{file_data,file_uri}')
            )
        )
    WHEN part ->> 'type' IN ('blob', 'uri')
        THEN jsonb_build_object(
            'media', openai_media(part -> 'mime_type', part -> 'content', part -> 'uri')
        )
    WHEN part ->> 'type' = 'image' AND jsonb_typeof(part -> 'source') = 'object'
        THEN jsonb_build_object(
            'media',
            openai_media(
                part #> '{source,media_type}', part #> '{source,data}', part #> '{source,url}'
            )
        )
    WHEN part ->> 'type' = 'input_image' AND part ? 'image_url'
        THEN jsonb_build_object('media', openai_media(NULL, NULL, part -> 'image_url'))
    WHEN part ->> 'type' = 'document' AND json_first(part #> '{document,data}', NULL) IS NOT NULL
        THEN jsonb_build_object('text', json_as_text(part #> '{document,data}') #>> '{}')
    WHEN part ? 'type' THEN jsonb_build_object('media', part)
    END;
END
$$;

-- A message, or an item, of any family as the list of OpenAI's messages that it makes: what tools
-- answered are messages of their own there.
CREATE OR REPLACE FUNCTION openai_message(message jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    kind text;
    speaker text;
    body jsonb;
    said record;
    content jsonb;
    more jsonb;
BEGIN
    IF jsonb_typeof(message) = 'string' THEN
        body := json_opened(message);
        IF jsonb_typeof(body) IS DISTINCT FROM 'object' OR NOT body ?| '{role,from}' THEN
            RETURN jsonb_build_array(jsonb_build_object('role', 'user', 'content', message));
        END IF;
        message := body;
    END IF;
    kind := message ->> 'type';
    -- LangChain's, with what was said beside the name of the class, or of the speaker.
    IF kind = 'constructor' AND jsonb_typeof(message -> 'kwargs') = 'object' THEN
        kind := lower(regexp_replace(message #>> '{id,-1}', 'Message(Chunk)?$', ''));
        message := (message -> 'kwargs') || jsonb_build_object('type', kind);
    ELSIF kind IN ('human', 'ai', 'system', 'tool') AND jsonb_typeof(message -> 'data') = 'object' THEN
        message := (message -> 'data') || jsonb_build_object('type', kind);
    END IF;
    IF kind IN ('human', 'ai', 'system', 'tool') AND NOT message ? 'role' THEN
        message := message || jsonb_build_object('role', kind);
    END IF;
    IF jsonb_typeof(message) <> 'object' THEN
        RETURN '[]';
    ELSIF kind LIKE '%\_call' AND NOT message ? 'role' AND message ?| '{name,action,arguments}' THEN
        RETURN jsonb_build_array(jsonb_build_object(
            'role', 'assistant', 'content', NULL,
            'tool_calls', jsonb_build_array(openai_call(
                json_said(jsonb_build_object(
                    'name', regexp_replace(kind, '_call$', ''), 'arguments', message -> 'action'
                )) || message
            ))
        ));
    ELSIF kind LIKE '%\_call\_output' THEN
        RETURN jsonb_build_array(json_said(jsonb_build_object(
            'role', 'tool', 'tool_call_id', message -> 'call_id',
            'content', result_text(message -> 'output')
        )));
    ELSIF kind = 'reasoning' AND NOT message ? 'role' THEN
        body := to_jsonb(coalesce(
            nullif(content_text(message -> 'content'), ''), content_text(message -> 'summary')
        ));
        RETURN CASE WHEN body IS NULL THEN '[]'::jsonb ELSE jsonb_build_array(jsonb_build_object(
            'role', 'assistant', 'content', NULL, 'reasoning_content', body
        )) END;
    END IF;
    speaker := lower(json_text(json_first(message -> 'role', message -> 'from')));
    body := json_best(message -> 'content', message -> 'parts', message -> 'value', message -> 'text');
    IF body IS NULL AND jsonb_typeof(message -> 'message') = 'string' THEN
        body := message -> 'message';
    END IF;
    IF body IS NULL AND NOT message ?| '{role,from,tool_calls,function_call,refusal}' THEN
        RETURN '[]';
    END IF;
    speaker := CASE
        WHEN speaker IN ('human', 'prompter') THEN 'user'
        WHEN speaker IN ('gpt', 'chatgpt', 'chatbot', 'bard', 'bot', 'model', 'ai', 'function_call')
            THEN 'assistant'
        WHEN speaker IN ('observation', 'function_response') THEN 'tool'
        ELSE coalesce(
            speaker,
            CASE WHEN message ?| '{tool_calls,function_call}' THEN 'assistant' ELSE 'user' END
        )
    END;
    IF message ->> 'from' = 'function_call' THEN
        RETURN jsonb_build_array(jsonb_build_object(
            'role', 'assistant', 'content', NULL, 'tool_calls', openai_calls(body)
        ));
    END IF;
    SELECT
        -- An answer in parts is one text; what a person put in parts are several.
        string_agg(
            part ->> 'text', CASE speaker WHEN 'assistant' THEN '' ELSE E'\n' END
            ORDER BY part_no
        ) AS words,
        string_agg(part ->> 'reasoning', E'\n' ORDER BY part_no) AS reasoning,
        string_agg(part ->> 'refusal', E'\n' ORDER BY part_no) AS refusal,
        jsonb_agg(part -> 'call' ORDER BY part_no) FILTER (WHERE part ? 'call') AS calls,
        jsonb_agg(part -> 'result' ORDER BY part_no) FILTER (WHERE part ? 'result') AS results,
        jsonb_agg(
            CASE
                WHEN part ? 'text'
                    THEN jsonb_build_object('type', 'text', 'text', part -> 'text')
                ELSE part -> 'media'
            END ORDER BY part_no
        ) FILTER (WHERE part ?| '{text,media}') AS shown,
        bool_or(part ? 'media') AS has_media
    INTO said
    FROM (
        SELECT message_part(listed.part) AS part, listed.part_no
        FROM jsonb_array_elements(json_list(body)) WITH ORDINALITY AS listed (part, part_no)
        UNION ALL
        SELECT
            jsonb_build_object('media', openai_media(NULL, listed.image, NULL)),
            1000000 + listed.image_no
        FROM jsonb_array_elements(array_or_empty(message -> 'images'))
            WITH ORDINALITY AS listed (image, image_no)
    ) AS parts;
    content := CASE WHEN said.has_media THEN said.shown ELSE to_jsonb(said.words) END;
    more := json_said(jsonb_build_object(
        'name', json_best(message -> 'name', message -> 'tool_name'),
        'tool_call_id', json_best(
            message -> 'tool_call_id', message -> 'tool_use_id',
            CASE WHEN speaker = 'tool' THEN message -> 'id' END
        ),
        'reasoning_content', json_best(
            message -> 'reasoning_content', message -> 'reasoning', message -> 'thinking',
            to_jsonb(said.reasoning), message -> 'tool_plan'
        ),
        'refusal', json_best(message -> 'refusal', to_jsonb(said.refusal)),
        'tool_calls', json_first(
            nullif(
                coalesce(openai_calls(message -> 'tool_calls'), '[]')
                || coalesce(said.calls, '[]'),
                '[]'
            ),
            openai_calls(message -> 'function_call')
        )
    ));
    IF said.results IS NOT NULL AND content IS NULL AND more = '{}' THEN
        RETURN said.results;
    END IF;
    RETURN coalesce(said.results, '[]') || jsonb_build_array(
        jsonb_build_object('role', speaker, 'content', content) || more
    );
END
$$;

-- Why an answer ended, in OpenAI's words where it has one.
CREATE OR REPLACE FUNCTION openai_finish_reason(reason text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN reason IN ('stop', 'length', 'tool_calls', 'content_filter') THEN reason
    WHEN
        lower(reason)
        IN (
            'stop', 'end_turn', 'stop_sequence', 'eos_token', 'eos', 'completed', 'complete'
        )
        THEN 'stop'
    WHEN
        lower(reason)
        IN (
            'length', 'max_tokens', 'max_output_tokens', 'error_limit',
            'model_context_window_exceeded', 'model_length'
        )
        THEN 'length'
    WHEN
        lower(reason)
        IN ('tool_use', 'tool_call', 'tool_calls', 'tool-calls', 'function_call')
        THEN 'tool_calls'
    WHEN
        lower(reason)
        IN (
            'safety', 'recitation', 'blocklist', 'prohibited_content', 'spii', 'image_safety',
            'refusal', 'content-filter', 'content_filter', 'content_filtered',
            'guardrail_intervened', 'error_toxic'
        )
        THEN 'content_filter'
    ELSE reason
END;

-- The parts of tool calls that a stream brought, each with chunk, id, index and function, as calls.
-- Some servers number all calls 0, or none; some give no ids; some repeat id and name in every
-- part, and some cut a name in two.
CREATE OR REPLACE FUNCTION streamed_calls(parts jsonb) RETURNS jsonb
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
        -- No answer has more calls under way at once.
        FOR known IN REVERSE cardinality(ids) .. greatest(1, cardinality(ids) - 31) LOOP
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

-- Gemini's responses of a stream as one: of each candidate, the parts of one kind run together.
CREATE OR REPLACE FUNCTION whole_gemini(chunks jsonb) RETURNS jsonb
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

    told AS (
        SELECT
            run.candidate_no,
            jsonb_agg(one.part ORDER BY run.part_no, one.part_no) AS parts
        FROM run
        CROSS JOIN LATERAL
            jsonb_array_elements(run.parts) WITH ORDINALITY AS one (part, part_no)
        GROUP BY run.candidate_no
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
                                        coalesce(told.parts, '[]'::jsonb)
                                    )
                                )
                            ) ORDER BY whole.candidate_no
                        )
                    FROM whole
                    LEFT JOIN told ON whole.candidate_no = told.candidate_no
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

-- Events of Bedrock's ConverseStream as the response that they make.
CREATE FUNCTION whole_bedrock(events jsonb) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (
    WITH event AS MATERIALIZED (
        SELECT
            listed.event,
            listed.event_no,
            json_first(
                listed.event -> 'contentBlockStart', listed.event -> 'contentBlockDelta'
            ) AS block
        FROM jsonb_array_elements(array_or_empty(events)) WITH ORDINALITY
            AS listed (event, event_no)
    ),

    block AS (
        SELECT
            coalesce(json_bigint(event.block -> 'contentBlockIndex'), 0) AS block_no,
            (jsonb_agg(event.block #> '{start,toolUse}')
                FILTER (WHERE jsonb_typeof(event.block #> '{start,toolUse}') = 'object')) -> 0
                AS tool,
            string_agg(json_text(event.block #> '{delta,text}'), '' ORDER BY event.event_no)
                AS words,
            string_agg(
                json_text(event.block #> '{delta,reasoningContent,text}'), ''
                ORDER BY event.event_no
            ) AS reasoning,
            string_agg(
                json_as_text(event.block #> '{delta,toolUse,input}') #>> '{}', ''
                ORDER BY event.event_no
            ) AS arguments
        FROM event
        WHERE jsonb_typeof(event.block) = 'object'
        GROUP BY coalesce(json_bigint(event.block -> 'contentBlockIndex'), 0)
    )

    SELECT
        json_said(
            jsonb_build_object(
                'output',
                jsonb_build_object(
                    'message',
                    jsonb_build_object(
                        'role', 'assistant',
                        'content',
                        coalesce(
                            (
                                SELECT
                                    jsonb_agg(
                                        CASE
                                            WHEN
                                                block.tool IS NOT NULL
                                                OR block.arguments IS NOT NULL
                                                THEN jsonb_build_object(
                                                    'toolUse',
                                                    coalesce(block.tool, '{}'::jsonb)
                                                    || json_said(
                                                        jsonb_build_object(
                                                            'input', block.arguments
                                                        )
                                                    )
                                                )
                                            WHEN block.reasoning IS NOT NULL
                                                THEN jsonb_build_object(
                                                    'reasoningContent',
                                                    jsonb_build_object('text', block.reasoning)
                                                )
                                            ELSE jsonb_build_object('text', block.words)
                                        END ORDER BY block.block_no
                                    )
                                FROM block
                                WHERE
                                    block.tool IS NOT NULL OR block.arguments IS NOT NULL
                                    OR block.reasoning IS NOT NULL OR block.words IS NOT NULL
                            ),
                            '[]'::jsonb
                        )
                    )
                ),
                'stopReason',
                (jsonb_agg(event.event #> '{messageStop,stopReason}')
                    FILTER (WHERE event.event ? 'messageStop')) -> 0,
                'usage',
                (jsonb_agg(event.event #> '{metadata,usage}')
                    FILTER (WHERE event.event ? 'metadata')) -> 0,
                'metrics',
                (jsonb_agg(event.event #> '{metadata,metrics}')
                    FILTER (WHERE event.event ? 'metadata')) -> 0,
                'error',
                (
                    SELECT
                        jsonb_build_object(
                            'type', failed.name, 'message', failed.value -> 'message'
                        )
                    FROM event AS told
                    CROSS JOIN LATERAL
                        jsonb_each(
                            CASE WHEN jsonb_typeof(told.event) = 'object' THEN told.event END
                        ) AS failed (name, value)
                    WHERE failed.name LIKE '%Exception'
                    ORDER BY told.event_no
                    LIMIT 1
                )
            )
        )
    FROM event
);

-- Events of Cohere's chat as the response that they make.
CREATE FUNCTION whole_cohere(events jsonb) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (
    WITH event AS MATERIALIZED (
        SELECT
            listed.event,
            listed.event_no,
            listed.event ->> 'type' AS kind,
            listed.event #> '{delta,message}' AS said
        FROM jsonb_array_elements(array_or_empty(events)) WITH ORDINALITY
            AS listed (event, event_no)
    )

    SELECT
        json_said(
            jsonb_build_object(
                'id', (jsonb_agg(event.event -> 'id') FILTER (WHERE event.kind = 'message-start'))
                -> 0,
                'message',
                json_said(
                    jsonb_build_object(
                        'role', 'assistant',
                        'content',
                        string_agg(
                            json_text(event.said #> '{content,text}'), '' ORDER BY event.event_no
                        ),
                        'reasoning_content',
                        string_agg(
                            json_text(event.said #> '{content,thinking}'), ''
                            ORDER BY event.event_no
                        ),
                        'tool_plan',
                        string_agg(
                            json_text(event.said -> 'tool_plan'), '' ORDER BY event.event_no
                        ),
                        'tool_calls',
                        streamed_calls(
                            jsonb_agg(
                                jsonb_build_object(
                                    'chunk', event.event_no, 'index', event.event -> 'index'
                                )
                                || coalesce(
                                    nullif(
                                        CASE jsonb_typeof(event.said -> 'tool_calls')
                                            WHEN 'array' THEN event.said #> '{tool_calls,0}'
                                            ELSE event.said -> 'tool_calls'
                                        END, 'null'
                                    ),
                                    '{}'::jsonb
                                ) ORDER BY event.event_no
                            ) FILTER (
                                WHERE
                                event.kind IN ('tool-call-start', 'tool-call-delta')
                                AND jsonb_typeof(event.said -> 'tool_calls')
                                IN ('array', 'object')
                            )
                        )
                    )
                ),
                'finish_reason',
                (jsonb_agg(event.event #> '{delta,finish_reason}')
                    FILTER (WHERE event.kind = 'message-end')) -> 0,
                'error',
                (jsonb_agg(event.event #> '{delta,error}')
                    FILTER (WHERE json_first(event.event #> '{delta,error}', NULL) IS NOT NULL))
                -> 0,
                'usage',
                coalesce(
                    (jsonb_agg(event.event #> '{delta,usage}')
                        FILTER (WHERE event.kind = 'message-end')) -> 0,
                    '{"tokens": {}}'::jsonb
                )
            )
        )
    FROM event
);

-- Whose stream these events are of; NULL if they are none.
CREATE OR REPLACE FUNCTION stream_family(events jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN jsonb_typeof(events) IS DISTINCT FROM 'array' THEN NULL
    WHEN
        events @? '$[*] ? (
            @.type == "message_start" || @.type == "content_block_delta"
            || @.type == "content_block_start"
        )'
        THEN 'anthropic'
    WHEN
        events @? '$[*] ? (
            exists (@.messageStart) || exists (@.contentBlockDelta) || exists (@.messageStop)
        )'
        THEN 'bedrock'
    WHEN
        events @? '$[*] ? (
            @.type == "message-start" || @.type == "content-delta" || @.type == "message-end"
            || @.type == "tool-call-start"
        )'
        THEN 'cohere'
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

-- A stream as the response that it makes; NULL if it is none.
CREATE OR REPLACE FUNCTION whole_stream(response jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    events jsonb := stream_events(response);
BEGIN
    RETURN CASE stream_family(events)
        WHEN 'openai' THEN whole_response(events)
        WHEN 'anthropic' THEN whole_anthropic(events)
        WHEN 'openai_responses' THEN whole_responses(events)
        WHEN 'gemini' THEN whole_gemini(events)
        WHEN 'bedrock' THEN whole_bedrock(events)
        WHEN 'cohere' THEN whole_cohere(events)
        WHEN 'lines' THEN whole_lines(events)
    END;
END
$$;

-- Whether a value is a response of some family, and not an answer that happens to be JSON.
CREATE OR REPLACE FUNCTION is_response(value jsonb) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
RETURN coalesce(are_chunks(value), FALSE)
OR coalesce(value #> '{choices,0}' ?| '{message,text,delta}'::text[], FALSE)
OR coalesce(value #> '{candidates,0}' ?| '{content,finishReason,finish_reason}'::text[], FALSE)
OR coalesce(value #>> '{output,0,type}' IN ('message', 'reasoning'), FALSE)
OR coalesce(value #>> '{output,0,type}' LIKE '%\_call', FALSE)
OR coalesce(value ? 'done' AND value ?| '{response,message}'::text[], FALSE)
OR coalesce(value ?& '{content,finish_reason}'::text[], FALSE)
OR coalesce(value #>> '{message,role}' IN ('assistant', 'model'), FALSE)
OR coalesce(value #>> '{output,message,role}' = 'assistant', FALSE)
OR coalesce(
    value ->> 'role' IN ('assistant', 'model') AND value ?| '{content,parts,tool_calls}'::text[],
    FALSE
)
OR coalesce(
    value #>> '{0,role}' IN ('assistant', 'model')
    AND value -> 0 ?| '{content,parts,tool_calls}'::text[],
    FALSE
)
OR coalesce(
    value #>> '{0,type}'
    IN ('text', 'tool_use', 'thinking', 'function_call', 'custom_tool_call', 'reasoning'),
    FALSE
)
OR coalesce(jsonb_typeof(value #> '{error,message}') = 'string', FALSE);

-- The answer in a response of any family, as OpenAI's message; of the choices, this one.
CREATE OR REPLACE FUNCTION response_answer(response jsonb, choice_no integer) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE
    WHEN response IS NULL OR response IN ('null', '{}', '[]') THEN NULL
    WHEN jsonb_typeof(response -> 'choices') = 'array'
        THEN answered_message(
            CASE
                WHEN
                    response -> 'choices' -> choice_no ? 'text'
                    AND jsonb_typeof(response -> 'choices' -> choice_no -> 'message') = 'object'
                    THEN jsonb_build_object('text', response -> 'choices' -> choice_no -> 'text')
                        || (response -> 'choices' -> choice_no -> 'message')
                ELSE json_best(
                    response -> 'choices' -> choice_no -> 'message',
                    response -> 'choices' -> choice_no -> 'text'
                )
            END
        )
    WHEN jsonb_typeof(response -> 'candidates') = 'array'
        THEN answered_message(response -> 'candidates' -> choice_no -> 'content')
    WHEN jsonb_typeof(response -> 'output') = 'array'
        THEN openai_answer(openai_messages(response -> 'output'))
    WHEN jsonb_typeof(response -> 'output') = 'string'
        THEN jsonb_build_object('content', response -> 'output')
    WHEN jsonb_typeof(response #> '{output,message}') = 'object'
        THEN answered_message(response #> '{output,message}')
    WHEN response -> 'output' ?| '{role,content}'::text[]
        THEN answered_message(response -> 'output')
    WHEN jsonb_typeof(response -> 'message') = 'object'
        THEN answered_message(response -> 'message')
    WHEN jsonb_typeof(response) = 'array'
        THEN CASE
            WHEN response @? '$[*] ? (exists (@.role) || @.type like_regex "_call$")'
                THEN openai_answer(openai_messages(response))
            ELSE answered_message(jsonb_build_object('content', response))
        END
    WHEN
        jsonb_typeof(response) = 'object'
        AND NOT response ?| '{content,parts,tool_calls,function_call,refusal,reasoning}'::text[]
        THEN jsonb_build_object(
            'content',
            json_as_text(json_best(response -> 'text', response -> 'output_text', response))
        )
    ELSE answered_message(response)
END;

-- Why the answer in a response of any family ended.
CREATE OR REPLACE FUNCTION response_finish_reason(response jsonb, choice_no integer) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN nullif(
    json_best(
        response -> 'choices' -> choice_no -> 'finish_reason',
        response -> 'candidates' -> choice_no -> 'finishReason',
        response -> 'stop_reason', response -> 'done_reason',
        response #> '{incomplete_details,reason}',
        response -> 'finish_reason', response -> 'stopReason', response -> 'finishReason'
    ),
    '""'::jsonb
);

-- The attributes of a span or a log record of OpenTelemetry by their names, whether they lie flat,
-- under `attributes`, as OTLP's list of keys and values, or as objects within objects.
CREATE OR REPLACE FUNCTION otel_attributes(p jsonb) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
RETURN gen_ai_flat((
    SELECT coalesce(jsonb_object_agg(named.name, named.value ORDER BY named.place), '{}'::jsonb)
    FROM (
        SELECT
            flat.name,
            otlp_value(flat.value) AS value,
            2 AS place
        FROM jsonb_each(CASE WHEN jsonb_typeof(p) = 'object' THEN p END) AS flat (name, value)
        WHERE flat.name LIKE '%.%' OR flat.name = 'gen_ai'
        UNION ALL
        SELECT
            held.name,
            held.value,
            held.place
        FROM
            (
                VALUES
                (json_opened(json_opened(p -> 'resource') -> 'attributes'), 0),
                (json_opened(p -> 'attributes'), 1)
            ) AS lists (list, place)
        CROSS JOIN LATERAL (
            SELECT
                each.name,
                otlp_value(each.value) AS value,
                lists.place
            FROM
                jsonb_each(CASE WHEN jsonb_typeof(lists.list) = 'object' THEN lists.list END)
                    AS each (name, value)
            UNION ALL
            SELECT
                listed.item ->> 'key' AS name,
                otlp_value(listed.item -> 'value') AS value,
                lists.place
            FROM
                jsonb_array_elements(
                    CASE WHEN jsonb_typeof(lists.list) = 'array' THEN lists.list END
                ) AS listed (item)
            WHERE listed.item ->> 'key' IS NOT NULL
        ) AS held
    ) AS named
    WHERE named.value <> 'null'::jsonb
));

-- Whether this is a span, or a log record, of OpenTelemetry's that tells of a model.
CREATE OR REPLACE FUNCTION is_gen_ai(p jsonb) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
RETURN coalesce(
    p ?| '{gen_ai.system,gen_ai.provider.name,gen_ai.operation.name,gen_ai.request.model,
        gen_ai.response.model,gen_ai.input.messages,gen_ai.output.messages}'::text[]
    OR p -> 'gen_ai' ?| '{
        system,provider,operation,request,response,usage,input,output,prompt,completion
    }'::text[]
    OR p ?| '{attributes,events}'::text[]
    AND (
        otel_attributes(p)::text LIKE '%"gen_ai.%'
        OR p @? '$.events[*] ? (@.name starts with "gen_ai." || @.event_name starts with "gen_ai.")'
    ),
    FALSE
);

-- The one span, or log record, of an export of OTLP's that tells of what is asked for, with its
-- resource; NULL if none does, or several do. It is one event, and each of them would be one.
CREATE FUNCTION otlp_one(p jsonb, of_tools boolean) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (
    WITH held AS (
        SELECT records.record || jsonb_build_object('resource', exported.one -> 'resource')
            AS record
        FROM
            jsonb_array_elements(
                array_or_empty(
                    json_opened(
                        json_best(
                            p -> 'resourceSpans', p -> 'resource_spans', p -> 'resourceLogs',
                            p -> 'resource_logs'
                        )
                    )
                )
            ) AS exported (one)
        CROSS JOIN LATERAL
            jsonb_array_elements(
                array_or_empty(
                    json_best(
                        exported.one -> 'scopeSpans', exported.one -> 'scope_spans',
                        exported.one -> 'instrumentationLibrarySpans',
                        exported.one -> 'scopeLogs', exported.one -> 'scope_logs'
                    )
                )
            ) AS scopes (scope)
        CROSS JOIN LATERAL
            jsonb_array_elements(
                array_or_empty(
                    json_best(
                        scopes.scope -> 'spans', scopes.scope -> 'logRecords',
                        scopes.scope -> 'log_records'
                    )
                )
            ) AS records (record)
        WHERE jsonb_typeof(records.record) = 'object'
    ),

    named AS (
        SELECT
            held.record,
            otel_attributes(held.record) AS attributes
        FROM held
    ),

    wanted AS (
        SELECT named.record
        FROM named
        WHERE
            CASE
                WHEN
                    named.attributes ? 'gen_ai.tool.name'
                    OR named.attributes ->> 'gen_ai.operation.name' = 'execute_tool'
                    THEN of_tools
                ELSE
                    NOT of_tools AND is_gen_ai(named.record)
                    AND coalesce(named.attributes ->> 'gen_ai.operation.name', '')
                    NOT IN ('invoke_agent', 'create_agent', 'embeddings', 'invoke_workflow')
            END
    )

    SELECT CASE WHEN count(*) = 1 THEN (jsonb_agg(wanted.record)) -> 0 END
    FROM wanted
);

-- A payload, or the one chat of the export that it is.
CREATE FUNCTION otlp_chat(p jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    IF
        jsonb_typeof(p) = 'object'
        AND p ?| '{resourceSpans,resource_spans,resourceLogs,resource_logs}'
    THEN
        RETURN coalesce(otlp_one(p, FALSE), p);
    END IF;
    RETURN p;
END
$$;

-- Rows that a chat's event makes.
CREATE OR REPLACE FUNCTION chat_rows(payload jsonb) RETURNS integer
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE
    WHEN
        jsonb_typeof(payload -> 'response') = 'object'
        AND NOT payload -> 'response' ?| '{chunks,events}'::text[]
        AND coalesce(
            jsonb_typeof(
                json_first(
                    payload -> 'response' -> 'choices', payload -> 'response' -> 'candidates'
                )
            ), 'array'
        ) = 'array'
        THEN chat_choices(payload -> 'response')
    ELSE chat_choices(chat_response(json_ready(otlp_chat(event_payload(payload)))))
END;

-- The proof asks which batches reach into a stretch, however long ago they landed.
CREATE INDEX intake_batch_reach ON intake_batch
USING gist (int8range(first_seq, last_seq, '[]'));


-- A function's parameters are no columns, which the linter cannot know.
-- sqlfluff:exclude_rules:ST06,RF04,RF02,AL03,AL05,AL07,ST10,RF03,LT02,ST05
