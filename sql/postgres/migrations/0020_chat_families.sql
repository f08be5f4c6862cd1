-- Chats and tool calls of every family: columns for what only some of them say, and the functions
-- that bring foreign messages, calls and tools into OpenAI's form. Nothing here raises.
-- Rows from before have shape NULL until their day is rebuilt.

ALTER TABLE llm_chat
ADD COLUMN choice_no integer NOT NULL DEFAULT 0,
ADD COLUMN shape text,
ADD COLUMN status text,
ADD COLUMN error_kind text,
ADD COLUMN refusal_text text,
ADD COLUMN reasoning_tokens bigint,
ADD COLUMN user_id text,
ADD COLUMN client text,
ADD COLUMN tags text[],
ADD COLUMN media_count integer;

ALTER TABLE llm_chat DROP CONSTRAINT llm_chat_pkey;
ALTER TABLE llm_chat ADD PRIMARY KEY (occurred_on, event_id, choice_no);

ALTER TABLE llm_tool_call ADD COLUMN shape text;

-- An object's members that say something.
CREATE FUNCTION json_said(members jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    IF jsonb_typeof(members) IS DISTINCT FROM 'object' THEN
        RETURN '{}';
    END IF;
    RETURN members - ARRAY(
        SELECT said.name FROM jsonb_each(members) AS said (name, value)
        WHERE said.value = 'null'::jsonb
    );
END
$$;

-- An object without the members that are null; anything else as it is.
CREATE FUNCTION json_present(value jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    IF jsonb_typeof(value) = 'object' AND value @? '$.* ? (@ == null)' THEN
        RETURN json_said(value);
    END IF;
    RETURN value;
END
$$;

-- Two objects that tell of the same; where both do, the first counts.
CREATE FUNCTION json_merged(one jsonb, two jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN jsonb_typeof(one) = 'object' AND jsonb_typeof(two) = 'object' THEN two || json_said(one)
    ELSE json_first(json_filled(one), two)
END;

-- The sum of those counts that are there.
CREATE FUNCTION json_sum(one jsonb, two jsonb, three jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (
    SELECT to_jsonb(sum(json_bigint(part)))
    FROM (VALUES (one), (two), (three)) AS parts (part)
);

-- Milliseconds of a number in another unit, of which one millisecond has so many.
CREATE FUNCTION json_ms(duration jsonb, per_ms double precision) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN abs(json_float(duration)) < 1e18 THEN to_jsonb(trunc(json_numeric(duration), 9) / per_ms)
END;

-- Milliseconds from one time to another.
CREATE FUNCTION json_span_ms(started jsonb, ended jsonb) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE
    WHEN json_time(ended) >= json_time(started)
        THEN to_jsonb(
            extract(EPOCH FROM json_time(ended)) * 1000
            - extract(EPOCH FROM json_time(started)) * 1000
        )
END;

-- Tokens a second, of tokens and milliseconds.
CREATE FUNCTION json_speed(tokens numeric, ms jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN tokens > 0 AND json_float(ms) BETWEEN 1e-6 AND 1e15
        THEN to_jsonb(tokens::double precision * 1000 / json_float(ms))
END;

-- JSON that may have been sent as text holding JSON; text that holds a mere number or word is text.
CREATE FUNCTION json_opened(value jsonb) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE
    WHEN
        jsonb_typeof(value) = 'string'
        AND jsonb_typeof(json_unwrapped(value)) IN ('object', 'array', 'null')
        THEN json_unwrapped(value)
    ELSE value
END;

-- Texts of a list, or the one text that stands for it.
CREATE FUNCTION json_texts(list jsonb) RETURNS text[]
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (
    SELECT array_agg(json_text(listed.item) ORDER BY listed.item_no)
    FROM
        jsonb_array_elements(
            CASE jsonb_typeof(json_opened(list))
                WHEN 'array' THEN json_opened(list)
                ELSE jsonb_build_array(list)
            END
        ) WITH ORDINALITY AS listed (item, item_no)
    WHERE json_text(listed.item) <> ''
);

-- A list, or what stands for a list of one.
CREATE FUNCTION json_list(list jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE jsonb_typeof(list)
    WHEN 'array' THEN list
    WHEN 'null' THEN '[]'::jsonb
    ELSE CASE WHEN list IS NULL THEN '[]'::jsonb ELSE jsonb_build_array(list) END
END;

-- JSON as text, a string as itself.
CREATE FUNCTION json_as_text(value jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE jsonb_typeof(value)
    WHEN 'string' THEN value
    WHEN 'null' THEN NULL
    ELSE to_jsonb(value::text)
END;

-- What a tool answered, as the text that a message of role tool has.
CREATE FUNCTION result_text(result jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE jsonb_typeof(result)
    WHEN 'array' THEN coalesce(to_jsonb(content_text(result)), json_as_text(result))
    ELSE json_as_text(result)
END;

-- A tool call of any family in OpenAI's form. Arguments that came as text stay as they came.
CREATE FUNCTION openai_call(call jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    said jsonb;
    name jsonb;
    arguments jsonb;
BEGIN
    IF
        jsonb_typeof(call) IS DISTINCT FROM 'object'
        OR (jsonb_typeof(call #> '{function,arguments}') = 'string' AND call ? 'type')
    THEN
        RETURN call;
    END IF;
    said := json_first(
        json_first(call -> 'function', call -> 'functionCall'),
        call -> 'function_call', call -> 'custom', call
    );
    name := json_first(said -> 'name', said -> 'tool_name');
    arguments := json_first(
        said -> 'arguments', said -> 'input', said -> 'args', said -> 'parameters'
    );
    IF name IS NULL AND arguments IS NULL THEN
        RETURN call;
    END IF;
    RETURN json_said(jsonb_build_object(
        'id', json_first(call -> 'call_id', call -> 'id', call -> 'tool_call_id', said -> 'id'),
        'type', 'function',
        'function',
        json_said(jsonb_build_object('name', name, 'arguments', json_as_text(arguments)))
    ));
END
$$;

-- Tool calls in OpenAI's form; NULL if there are none.
CREATE FUNCTION openai_calls(calls jsonb) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (
    SELECT jsonb_agg(openai_call(listed.call) ORDER BY listed.call_no)
    FROM
        jsonb_array_elements(
            CASE jsonb_typeof(json_opened(calls))
                WHEN 'array' THEN json_opened(calls)
                WHEN 'object'
                    THEN CASE
                        WHEN json_opened(calls) ?| '{name,function}'::text[]
                            THEN jsonb_build_array(json_opened(calls))
                        ELSE '[]'::jsonb
                    END
                ELSE '[]'::jsonb
            END
        ) WITH ORDINALITY AS listed (call, call_no)
);

-- Tools that a request offers, in OpenAI's form; NULL if there are none.
CREATE FUNCTION openai_tools(tools jsonb) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (
    SELECT
        jsonb_agg(
            CASE
                WHEN jsonb_typeof(offered.tool) <> 'object' THEN offered.tool
                WHEN
                    offered.tool ? 'function' OR NOT offered.tool ? 'name'
                    OR NOT offered.tool
                    ?| '{input_schema,inputSchema,parameters,description}'::text[]
                    THEN offered.tool
                ELSE jsonb_build_object(
                    'type', 'function',
                    'function',
                    json_said(
                        jsonb_build_object(
                            'name', offered.tool -> 'name',
                            'description', offered.tool -> 'description',
                            'parameters',
                            json_first(
                                offered.tool -> 'parameters', offered.tool -> 'input_schema',
                                offered.tool -> 'inputSchema',
                                offered.tool -> 'parametersJsonSchema'
                            ),
                            'strict', offered.tool -> 'strict'
                        )
                    )
                )
            END
            ORDER BY listed.tool_no, offered.declared_no
        )
    FROM
        jsonb_array_elements(array_or_empty(json_opened(tools)))
        WITH ORDINALITY AS listed (tool, tool_no)
    CROSS JOIN LATERAL
        jsonb_array_elements(
            CASE
                WHEN
                    jsonb_typeof(
                        json_first(
                            listed.tool -> 'functionDeclarations',
                            listed.tool -> 'function_declarations'
                        )
                    ) = 'array'
                    THEN json_first(
                        listed.tool -> 'functionDeclarations',
                        listed.tool -> 'function_declarations'
                    )
                ELSE jsonb_build_array(listed.tool)
            END
        ) WITH ORDINALITY AS offered (tool, declared_no)
);

-- An image (or another medium) given as data or by its address, as OpenAI's part.
CREATE FUNCTION openai_media(media_type jsonb, body jsonb, address jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN jsonb_build_object(
    'type', 'image_url',
    'image_url',
    jsonb_build_object(
        'url',
        coalesce(
            json_text(address),
            'data:' || coalesce(json_text(media_type), 'image/*') || ';base64,'
            || json_text(body)
        )
    )
);

-- What one part of a message is: an object whose only member names it (text, reasoning, refusal,
-- call, result, media). NULL if it says nothing.
CREATE FUNCTION message_part(part jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN CASE
    WHEN jsonb_typeof(part) = 'string' THEN jsonb_build_object('text', part)
    WHEN jsonb_typeof(part) <> 'object' THEN NULL
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
        part ->> 'type'
        IN ('tool_result', 'mcp_tool_result', 'tool_call_response', 'tool-result')
        THEN jsonb_build_object(
            'result',
            json_said(
                jsonb_build_object(
                    'role', 'tool',
                    'tool_call_id',
                    json_first(
                        part -> 'tool_use_id', part -> 'id', part -> 'call_id',
                        part -> 'tool_call_id'
                    ),
                    'content',
                    result_text(
                        json_first(
                            part -> 'content', part -> 'response', part -> 'result',
                            part -> 'output'
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
    WHEN part ? 'type' THEN jsonb_build_object('media', part)
    END;
END
$$;

-- A message, or an item, of any family as the list of OpenAI's messages that it makes: what tools
-- answered are messages of their own there.
CREATE FUNCTION openai_message(message jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    kind text := message ->> 'type';
    speaker text;
    body jsonb;
    said record;
    content jsonb;
    more jsonb;
BEGIN
    IF jsonb_typeof(message) = 'string' THEN
        RETURN jsonb_build_array(jsonb_build_object('role', 'user', 'content', message));
    ELSIF jsonb_typeof(message) <> 'object' THEN
        RETURN '[]';
    ELSIF kind IN ('function_call', 'custom_tool_call', 'mcp_call') THEN
        RETURN jsonb_build_array(jsonb_build_object(
            'role', 'assistant', 'content', NULL,
            'tool_calls', jsonb_build_array(openai_call(message))
        ));
    ELSIF kind IN ('function_call_output', 'custom_tool_call_output') THEN
        RETURN jsonb_build_array(json_said(jsonb_build_object(
            'role', 'tool', 'tool_call_id', message -> 'call_id',
            'content', result_text(message -> 'output')
        )));
    ELSIF kind = 'reasoning' AND NOT message ? 'role' THEN
        body := to_jsonb(coalesce(
            content_text(message -> 'content'), content_text(message -> 'summary')
        ));
        RETURN CASE WHEN body IS NULL THEN '[]'::jsonb ELSE jsonb_build_array(jsonb_build_object(
            'role', 'assistant', 'content', NULL, 'reasoning_content', body
        )) END;
    END IF;
    speaker := lower(json_text(json_first(message -> 'role', message -> 'from')));
    body := json_first(message -> 'content', message -> 'parts', message -> 'value', message -> 'text');
    IF body IS NULL AND NOT message ?| '{role,from,tool_calls,function_call,refusal}' THEN
        RETURN '[]';
    END IF;
    speaker := CASE
        WHEN speaker IN ('human', 'prompter') THEN 'user'
        WHEN speaker IN ('gpt', 'chatgpt', 'bard', 'bot', 'model', 'ai', 'function_call')
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
        'name', json_first(message -> 'name', message -> 'tool_name'),
        'tool_call_id', json_first(
            message -> 'tool_call_id',
            CASE WHEN speaker = 'tool' THEN message -> 'id' END
        ),
        'reasoning_content', json_first(
            message -> 'reasoning_content', message -> 'reasoning', message -> 'thinking',
            to_jsonb(said.reasoning)
        ),
        'refusal', json_first(message -> 'refusal', to_jsonb(said.refusal)),
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

-- Several messages of an assistant as one: what was answered.
CREATE FUNCTION openai_answer(messages jsonb) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (
    SELECT
        json_said(
            jsonb_build_object(
                'role', 'assistant',
                'content',
                CASE
                    WHEN count(*) = 1 THEN (jsonb_agg(listed.message -> 'content')) -> 0
                    ELSE to_jsonb(
                        string_agg(
                            content_text(listed.message -> 'content'),
                            E'\n' ORDER BY listed.message_no
                        )
                    )
                END,
                'reasoning_content',
                string_agg(
                    listed.message ->> 'reasoning_content', E'\n' ORDER BY listed.message_no
                ),
                'refusal',
                string_agg(listed.message ->> 'refusal', E'\n' ORDER BY listed.message_no),
                'tool_calls',
                (
                    SELECT jsonb_agg(called.call ORDER BY every.message_no, called.call_no)
                    FROM
                        jsonb_array_elements(array_or_empty(messages))
                        WITH ORDINALITY AS every (message, message_no)
                    CROSS JOIN LATERAL
                        jsonb_array_elements(array_or_empty(every.message -> 'tool_calls'))
                        WITH ORDINALITY AS called (call, call_no)
                )
            )
        )
    FROM
        jsonb_array_elements(array_or_empty(messages))
        WITH ORDINALITY AS listed (message, message_no)
    WHERE listed.message ->> 'role' NOT IN ('user', 'tool', 'system', 'developer')
);

-- Messages of any family in OpenAI's form. What an assistant did in several items is one message.
CREATE FUNCTION openai_messages(messages jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    list jsonb := json_opened(messages);
    found jsonb;
BEGIN
    IF jsonb_typeof(list) = 'object' THEN
        list := json_opened(json_first(
            list -> 'messages', list -> 'contents', list -> 'input', json_first(list -> 'prompt', list)
        ));
    END IF;
    SELECT jsonb_agg(told.message ORDER BY told.item_no, told.message_no)
    INTO found
    FROM (
        SELECT listed.item_no, made.message, made.message_no
        FROM jsonb_array_elements(json_list(list)) WITH ORDINALITY AS listed (item, item_no)
        CROSS JOIN LATERAL jsonb_array_elements(openai_message(listed.item))
            WITH ORDINALITY AS made (message, message_no)
    ) AS told;
    IF found IS NULL THEN
        RETURN CASE
            WHEN jsonb_typeof(messages) = 'string' AND messages <> '""'
                THEN openai_message(messages)
            ELSE '[]'
        END;
    ELSIF NOT list @? '$[*] ? (@.type == "function_call" || @.type == "reasoning")' THEN
        RETURN found;
    END IF;
    SELECT jsonb_agg(run.message ORDER BY run.run_no)
    INTO found
    FROM (
        SELECT
            marked.run_no,
            CASE
                WHEN count(*) = 1 THEN jsonb_agg(marked.message) -> 0
                ELSE '{"role": "assistant", "content": null}'
                    || openai_answer(jsonb_agg(marked.message ORDER BY marked.message_no))
            END AS message
        FROM (
            SELECT
                told.message,
                told.message_no,
                sum(CASE WHEN told.goes_on THEN 0 ELSE 1 END)
                    OVER (ORDER BY told.message_no) AS run_no
            FROM (
                SELECT
                    listed.message,
                    listed.message_no,
                    listed.message ->> 'role' = 'assistant'
                    AND lag(listed.message ->> 'role') OVER (ORDER BY listed.message_no)
                    = 'assistant' AS goes_on
                FROM jsonb_array_elements(found) WITH ORDINALITY AS listed (message, message_no)
            ) AS told
        ) AS marked
        GROUP BY marked.run_no
    ) AS run;
    RETURN found;
END
$$;

-- Why an answer ended, in OpenAI's words where it has one.
CREATE FUNCTION openai_finish_reason(reason text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN reason IN ('stop', 'length', 'tool_calls', 'content_filter') THEN reason
    WHEN lower(reason) IN ('stop', 'end_turn', 'stop_sequence', 'eos_token', 'eos', 'completed')
        THEN 'stop'
    WHEN lower(reason) IN ('length', 'max_tokens', 'max_output_tokens') THEN 'length'
    WHEN lower(reason) IN ('tool_use', 'tool_call', 'tool-calls', 'function_call')
        THEN 'tool_calls'
    WHEN
        lower(reason)
        IN (
            'safety', 'recitation', 'blocklist', 'prohibited_content', 'spii', 'image_safety',
            'refusal', 'content-filter', 'content_filter'
        )
        THEN 'content_filter'
    ELSE reason
END;

-- ok, error, or what else was said: a word, or an HTTP status.
CREATE FUNCTION exchange_status(status text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN lower(status) IN ('ok', 'success', 'completed', 'default', 'status_code_ok') THEN 'ok'
    WHEN lower(status) IN ('error', 'failure', 'failed', 'status_code_error') THEN 'error'
    WHEN status ~ '^[23]\d\d$' THEN 'ok'
    WHEN status ~ '^[45]\d\d$' THEN 'error'
    ELSE lower(status)
END;

-- How many parts of the messages are no text.
CREATE FUNCTION media_count(messages jsonb) RETURNS integer
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    found integer := 0;
    content jsonb;
BEGIN
    IF jsonb_typeof(messages) = 'array' THEN
        FOR message_no IN 0 .. jsonb_array_length(messages) - 1 LOOP
            content := messages -> message_no -> 'content';
            IF jsonb_typeof(content) = 'array' THEN
                found := found + (
                    SELECT count(*)
                    FROM jsonb_array_elements(content) AS parts (part)
                    WHERE
                        part ->> 'type' NOT IN (
                            'text', 'input_text', 'output_text', 'refusal', 'thinking',
                            'redacted_thinking', 'tool_use', 'tool_result', 'reasoning'
                        )
                );
            END IF;
        END LOOP;
    END IF;
    RETURN found;
END
$$;

-- The chunks of a stream, as one whole response. A call begins with each new id: some servers
-- number them all 0, or not at all, and some repeat id and name in every chunk.
CREATE FUNCTION whole_response(chunks jsonb) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (
    WITH chunk AS MATERIALIZED (
        SELECT
            listed.chunk_no,
            CASE jsonb_typeof(listed.chunk)
                WHEN 'string'
                    THEN json_from_text(
                        regexp_replace(listed.chunk #>> '{}', '^\s*data:\s*', '')
                    )
                ELSE listed.chunk
            END AS body
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
            json_text(listed.choice -> 'finish_reason') AS finish_reason
        FROM chunk
        CROSS JOIN LATERAL
            jsonb_array_elements(array_or_empty(chunk.body -> 'choices')) AS listed (choice)
    ),

    call_part AS (
        SELECT
            choice.choice_index,
            choice.chunk_no,
            listed.part_no,
            coalesce(json_bigint(listed.part -> 'index'), 0) AS call_index,
            nullif(json_text(listed.part -> 'id'), '') AS id,
            nullif(json_text(listed.part #> '{function,name}'), '') AS name,
            json_as_text(listed.part #> '{function,arguments}') #>> '{}' AS arguments
        FROM choice
        CROSS JOIN LATERAL
            jsonb_array_elements(array_or_empty(choice.delta -> 'tool_calls'))
            WITH ORDINALITY AS listed (part, part_no)
    ),

    -- The id that holds: the last one that was given.
    called AS (
        SELECT
            *,
            count(id) OVER (
                PARTITION BY choice_index, call_index ORDER BY chunk_no, part_no
            ) AS ids
        FROM call_part
    ),

    held AS (
        SELECT
            *,
            first_value(id) OVER (
                PARTITION BY choice_index, call_index, ids ORDER BY chunk_no, part_no
            ) AS held_id
        FROM called
    ),

    call AS (
        SELECT
            choice_index,
            jsonb_build_array(min(chunk_no), min(part_no)) AS place,
            json_said(
                jsonb_build_object(
                    'id', held_id,
                    'type', 'function',
                    'function',
                    json_said(
                        jsonb_build_object(
                            'name',
                            (array_agg(name ORDER BY chunk_no, part_no)
                                FILTER (WHERE name IS NOT NULL))[1],
                            'arguments', string_agg(arguments, '' ORDER BY chunk_no, part_no)
                        )
                    )
                )
            ) AS body
        FROM held
        GROUP BY choice_index, call_index, held_id
    ),

    whole AS (
        SELECT
            choice.choice_index,
            jsonb_build_object(
                'index', choice.choice_index,
                'message',
                json_said(
                    jsonb_build_object(
                        'role', 'assistant',
                        'content',
                        string_agg(
                            coalesce(
                                content_text(choice.delta -> 'content'),
                                choice.choice_text #>> '{}'
                            ),
                            '' ORDER BY choice.chunk_no
                        ),
                        'reasoning_content',
                        string_agg(
                            content_text(
                                json_first(
                                    choice.delta -> 'reasoning_content',
                                    choice.delta -> 'reasoning'
                                )
                            ),
                            '' ORDER BY choice.chunk_no
                        ),
                        'refusal',
                        string_agg(
                            json_text(choice.delta -> 'refusal'), '' ORDER BY choice.chunk_no
                        ),
                        'tool_calls',
                        (
                            SELECT jsonb_agg(call.body ORDER BY call.place)
                            FROM call
                            WHERE call.choice_index = choice.choice_index
                        )
                    )
                ),
                'finish_reason',
                (array_agg(choice.finish_reason ORDER BY choice.chunk_no DESC)
                    FILTER (WHERE choice.finish_reason IS NOT NULL))[1]
            ) AS body
        FROM choice
        GROUP BY choice.choice_index
    )

    SELECT
        json_said(
            jsonb_build_object(
                'object', 'chat.completion.chunk',
                'choices',
                (SELECT jsonb_agg(whole.body ORDER BY whole.choice_index) FROM whole)
            )
        )
        || coalesce(
            (
                SELECT jsonb_object_agg(figure.name, figure.value ORDER BY chunk.chunk_no)
                FROM chunk
                CROSS JOIN LATERAL
                    jsonb_each(CASE WHEN jsonb_typeof(chunk.body) = 'object' THEN chunk.body END)
                        AS figure (name, value)
                WHERE
                    figure.name IN ('model', 'usage', 'timings', 'metrics', 'error')
                    AND figure.value <> 'null'::jsonb
            ),
            '{}'::jsonb
        )
);

-- Whether this is the list of a stream's chunks.
CREATE FUNCTION are_chunks(list jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE jsonb_typeof(list)
    WHEN 'array'
        THEN coalesce(
            jsonb_typeof(list #> '{0,choices}') = 'array'
            OR list #>> '{0,object}' LIKE '%.chunk'
            OR list ->> 0 LIKE 'data:%'
            OR list ->> 0 LIKE '{%"choices"%',
            FALSE
        )
    ELSE FALSE
END;

-- What was asked: the payload's `request`, or the payload itself.
CREATE FUNCTION chat_request(p jsonb) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE
    WHEN jsonb_typeof(json_opened(p -> 'request')) IN ('object', 'array', 'string')
        THEN json_opened(p -> 'request')
    ELSE p
END;

-- Whether a value is a response of some family, and not an answer that happens to be JSON.
CREATE FUNCTION is_response(value jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce(are_chunks(value), FALSE)
OR coalesce(value #> '{choices,0}' ?| '{message,text,delta}'::text[], FALSE)
OR coalesce(value #> '{candidates,0}' ?| '{content,finishReason,finish_reason}'::text[], FALSE)
OR coalesce(value #>> '{output,0,type}' IN ('message', 'reasoning', 'function_call'), FALSE)
OR coalesce(value ? 'done' AND value ?| '{response,message}'::text[], FALSE)
OR coalesce(value ?& '{content,finish_reason}'::text[], FALSE)
OR coalesce(value #>> '{message,role}' IN ('assistant', 'model'), FALSE)
OR coalesce(
    value ->> 'role' IN ('assistant', 'model') AND value ?| '{content,parts,tool_calls}'::text[],
    FALSE
)
OR coalesce(
    value #>> '{0,role}' IN ('assistant', 'model')
    AND value -> 0 ?| '{content,parts,tool_calls}'::text[],
    FALSE
)
OR coalesce(value #>> '{0,type}' IN ('text', 'tool_use', 'thinking', 'function_call'), FALSE)
OR coalesce(jsonb_typeof(value #> '{error,message}') = 'string', FALSE);

-- A response that may have been sent as text; an answer that is JSON stays the text that it is.
CREATE FUNCTION opened_response(response jsonb) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE
    WHEN jsonb_typeof(response) <> 'string' THEN response
    WHEN is_response(json_opened(response)) THEN json_opened(response)
    ELSE response
END;

-- What was answered: the payload's `response`, or the payload itself; a stream as one response.
CREATE FUNCTION chat_response(p jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    response jsonb := json_first(p -> 'response', p -> 'chunks', p);
BEGIN
    IF jsonb_typeof(response) = 'string' THEN
        IF response #>> '{}' ~ '(^|\n)data:\s*(\{|\[DONE\])' THEN
            RETURN whole_response((
                SELECT jsonb_agg(line)
                FROM string_to_table(response #>> '{}', E'\n') AS lines (line)
                WHERE line ~ '^data:\s*\{'
            ));
        END IF;
        response := opened_response(response);
    END IF;
    IF are_chunks(response) THEN
        RETURN whole_response(response);
    ELSIF are_chunks(response -> 'chunks') THEN
        RETURN whole_response(response -> 'chunks');
    END IF;
    RETURN response;
END
$$;

-- How many rows a chat makes: one a choice, at most as many as OpenAI's API gives.
CREATE FUNCTION chat_choices(response jsonb) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE jsonb_typeof(json_first(response -> 'choices', response -> 'candidates'))
    WHEN 'array'
        THEN least(
            greatest(
                jsonb_array_length(json_first(response -> 'choices', response -> 'candidates')), 1
            ),
            128
        )
    ELSE 1
END;

-- A message of one who answers, whatever its role is called.
CREATE FUNCTION answered_message(message jsonb) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
RETURN openai_answer(
    openai_message(
        CASE jsonb_typeof(message)
            WHEN 'object' THEN message || '{"role": "assistant"}'
            ELSE jsonb_build_object('role', 'assistant', 'content', message)
        END
    )
);

-- The answer in a response of any family, as OpenAI's message; of the choices, this one.
CREATE FUNCTION response_answer(response jsonb, choice_no integer) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE
    WHEN response IS NULL OR response IN ('null', '{}', '[]') THEN NULL
    WHEN jsonb_typeof(response -> 'choices') = 'array'
        THEN answered_message(
            json_first(
                response -> 'choices' -> choice_no -> 'message',
                response -> 'choices' -> choice_no -> 'text'
            )
        )
    WHEN jsonb_typeof(response -> 'candidates') = 'array'
        THEN answered_message(response -> 'candidates' -> choice_no -> 'content')
    WHEN jsonb_typeof(response -> 'output') = 'array'
        THEN openai_answer(openai_messages(response -> 'output'))
    WHEN jsonb_typeof(response -> 'output') = 'string'
        THEN jsonb_build_object('content', response -> 'output')
    WHEN jsonb_typeof(response -> 'message') = 'object'
        THEN answered_message(response -> 'message')
    WHEN jsonb_typeof(response) = 'array'
        THEN CASE
            WHEN response @? '$[*] ? (exists (@.role) || @.type == "function_call")'
                THEN openai_answer(openai_messages(response))
            ELSE answered_message(jsonb_build_object('content', response))
        END
    WHEN
        jsonb_typeof(response) = 'object'
        AND NOT response ?| '{content,parts,tool_calls,function_call,refusal,reasoning}'::text[]
        THEN jsonb_build_object('content', json_as_text(json_first(response -> 'text', response)))
    ELSE answered_message(response)
END;

-- Why the answer in a response of any family ended.
CREATE FUNCTION response_finish_reason(response jsonb, choice_no integer) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN json_first(
    response -> 'choices' -> choice_no -> 'finish_reason',
    response -> 'candidates' -> choice_no -> 'finishReason',
    json_first(response -> 'stop_reason', response -> 'done_reason'),
    json_first(
        response #> '{incomplete_details,reason}',
        response -> 'finish_reason'
    )
);

-- A server's own figures (llama.cpp's timings, vLLM's metrics) in the names of familiar's.
CREATE FUNCTION server_timings(timings jsonb, metrics jsonb, usage jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN json_said(
    jsonb_build_object(
        'ttft_ms',
        json_first(
            timings -> 'ttft_ms', timings -> 'prompt_ms', metrics -> 'time_to_first_token_ms'
        ),
        'duration_ms',
        json_first(
            timings -> 'duration_ms',
            to_jsonb(json_float(timings -> 'prompt_ms') + json_float(timings -> 'predicted_ms')),
            to_jsonb(
                coalesce(json_float(metrics -> 'queue_time_ms'), 0)
                + json_float(metrics -> 'time_to_first_token_ms')
                + json_float(metrics -> 'generation_time_ms')
            )
        ),
        'prompt_per_second',
        json_first(
            timings -> 'prompt_per_second',
            json_speed(json_bigint(timings -> 'prompt_n'), timings -> 'prompt_ms'),
            json_speed(
                json_bigint(usage -> 'prompt_tokens')::numeric
                - coalesce(json_bigint(usage #> '{prompt_tokens_details,cached_tokens}'), 0),
                metrics -> 'time_to_first_token_ms'
            )
        ),
        'predicted_per_second',
        json_first(
            timings -> 'predicted_per_second',
            json_speed(json_bigint(timings -> 'predicted_n'), timings -> 'predicted_ms'),
            json_speed(
                json_bigint(usage -> 'completion_tokens')::numeric - 1,
                metrics -> 'generation_time_ms'
            )
        ),
        'prompt_tokens', json_sum(timings -> 'prompt_n', timings -> 'cache_n', NULL),
        'completion_tokens', timings -> 'predicted_n',
        'cached_tokens', timings -> 'cache_n'
    )
);

-- A value of OTLP's JSON: {"stringValue": …}, {"arrayValue": {"values": […]}} …
CREATE FUNCTION otlp_value(value jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE jsonb_typeof(value -> 'arrayValue' -> 'values')
    WHEN 'array'
        THEN (
            SELECT
                jsonb_agg(
                    json_first(
                        json_first(listed.item -> 'stringValue', listed.item -> 'intValue'),
                        listed.item -> 'doubleValue', listed.item -> 'boolValue'
                    ) ORDER BY listed.item_no
                )
            FROM
                jsonb_array_elements(value -> 'arrayValue' -> 'values')
                WITH ORDINALITY AS listed (item, item_no)
        )
    ELSE json_first(
        json_first(value -> 'stringValue', value -> 'intValue'),
        value -> 'doubleValue', value -> 'boolValue'
    )
END;

-- The attributes of a span or a log record of OpenTelemetry by their names, whether they lie flat,
-- under `attributes`, or as OTLP's list of keys and values.
CREATE FUNCTION otel_attributes(p jsonb) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (
    SELECT coalesce(jsonb_object_agg(named.name, named.value ORDER BY named.place), '{}'::jsonb)
    FROM (
        SELECT
            flat.name,
            flat.value,
            2 AS place
        FROM jsonb_each(CASE WHEN jsonb_typeof(p) = 'object' THEN p END) AS flat (name, value)
        WHERE flat.name LIKE '%.%' AND flat.value <> 'null'::jsonb
        UNION ALL
        SELECT
            held.name,
            held.value,
            held.place
        FROM
            (
                VALUES (p -> 'resource' -> 'attributes', 0), (p -> 'attributes', 1)
            ) AS lists (list, place)
        CROSS JOIN LATERAL (
            SELECT
                each.name,
                each.value,
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
        WHERE held.value <> 'null'::jsonb
    ) AS named
);

-- Rows that a chat's event makes.
CREATE FUNCTION chat_rows(payload jsonb) RETURNS integer
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE
    WHEN
        jsonb_typeof(payload -> 'response') = 'object' AND NOT payload -> 'response' ? 'chunks'
        THEN chat_choices(payload -> 'response')
    ELSE chat_choices(chat_response(event_payload(payload)))
END;

CREATE OR REPLACE VIEW flat_expected AS
SELECT
    kind.table_name,
    inbox.occurred_on,
    inbox.batch_id,
    inbox.event_id,
    CASE kind.table_name
        WHEN 'llm_chat' THEN chat_rows(inbox.payload)
        WHEN 'llm_flow_node' THEN jsonb_array_length(flow_parts(inbox.payload, 'node'))
        WHEN 'llm_flow_edge' THEN jsonb_array_length(flow_parts(inbox.payload, 'edge'))
        ELSE 1
    END AS items
FROM event_inbox AS inbox
INNER JOIN (
    VALUES
    ('llm_chat', 'llm.chat.persist'),
    ('llm_tool_call', 'llm.tool_call'),
    ('llm_flow_node', 'llm.flow.lineage'),
    ('llm_flow_edge', 'llm.flow.lineage'),
    ('llm_request', 'llm.generation.request'),
    ('llm_request', 'llm.translation.request'),
    ('obsidian_semantic_search', 'obsidian.semantic_search')
) AS kind (table_name, subject) ON inbox.subject = kind.subject;

-- Who asks what a day holds asks the table itself: a view over all tables locks every day of each.
DROP VIEW flat_present;

-- A function's parameters are no columns, which the linter cannot know.
-- sqlfluff:exclude_rules:ST06,RF04,RF02,AL03,AL05,AL07,ST10,RF03,LT02,ST05
