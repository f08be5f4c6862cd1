-- What was still misread of foreign chats and tool calls: choices out of order, members sent as
-- JSON text, empty texts beside filled ones. Nothing here raises.
-- Rows from before stay as they are until their day is rebuilt.

-- JSON that may have been sent as text holding JSON, once more in text perhaps; text that holds a
-- mere number or word is text.
CREATE OR REPLACE FUNCTION json_opened(value jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    found jsonb := value;
BEGIN
    FOR layer IN 1 .. 3 LOOP
        EXIT WHEN jsonb_typeof(found) IS DISTINCT FROM 'string';
        IF found #>> '{}' !~ '^\s*[[{"n]' THEN
            RETURN value;
        END IF;
        found := json_from_text(found #>> '{}');
    END LOOP;
    RETURN CASE WHEN jsonb_typeof(found) IN ('object', 'array', 'null') THEN found ELSE value END;
END
$$;

-- What an event carries: its payload, unpacked once, and read where it was sent as text.
CREATE OR REPLACE FUNCTION event_payload(payload jsonb) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE jsonb_typeof(payload)
    WHEN 'object' THEN payload || '{}'::jsonb
    ELSE json_opened(payload)
END;

-- The first that is filled; if none is, the first that says anything, if only that it is empty.
CREATE FUNCTION json_best(VARIADIC told jsonb[]) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    one jsonb;
    empty jsonb;
BEGIN
    FOREACH one IN ARRAY told LOOP
        IF one NOT IN ('null', '""', '[]', '{}') THEN
            RETURN one;
        ELSIF one <> 'null' THEN
            empty := coalesce(empty, one);
        END IF;
    END LOOP;
    RETURN empty;
END
$$;

-- Some of an object's members; NULL if it has none of them.
CREATE FUNCTION json_picked(members jsonb, names text[]) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (
    SELECT jsonb_object_agg(member.name, member.value)
    FROM
        jsonb_each(CASE WHEN jsonb_typeof(members) = 'object' THEN members END)
            AS member (name, value)
    WHERE member.name = any(names) AND member.value <> 'null'::jsonb
);

-- Figures that stand directly in a payload, or in its response.
CREATE FUNCTION chat_figures(p jsonb, response jsonb, names text[]) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN json_merged(json_picked(p, names), json_picked(response, names));

-- A list whose elements were sent as JSON text.
CREATE FUNCTION json_opened_list(list jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    found jsonb := json_opened(list);
BEGIN
    IF jsonb_typeof(found) = 'array' AND found @? '$[*] ? (@.type() == "string")' THEN
        RETURN (
            SELECT jsonb_agg(json_opened(listed.item) ORDER BY listed.item_no)
            FROM jsonb_array_elements(found) WITH ORDINALITY AS listed (item, item_no)
        );
    END IF;
    RETURN found;
END
$$;

-- An object's members as they are read: those that are JSON are opened where they were sent as
-- text, and what is null, or an empty name, is not said.
CREATE FUNCTION json_readied(members jsonb) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (
    SELECT
        coalesce(
            jsonb_object_agg(
                member.name,
                CASE
                    WHEN
                        jsonb_typeof(member.value) IN ('number', 'boolean', 'object')
                        THEN member.value
                    WHEN
                        member.name IN (
                            'messages', 'contents', 'conversations', 'choices', 'candidates',
                            'tools', 'functions', 'tool_calls', 'events', 'chunks'
                        )
                        THEN json_opened_list(member.value)
                    WHEN jsonb_typeof(member.value) = 'array' THEN member.value
                    WHEN
                        member.name IN (
                            'usage', 'timings', 'metrics', 'parameters', 'options', 'metadata',
                            'usageMetadata', 'usage_metadata', 'promptFeedback', 'prompt_feedback',
                            'generationConfig', 'generation_config', 'config',
                            'systemInstruction', 'system_instruction', 'incomplete_details',
                            'usageDetails', 'usage_details', 'modelParameters',
                            'model_parameters', 'standard_logging_object', 'hidden_params',
                            'error_information', 'request_tags', 'body', 'error', 'status',
                            'attributes', 'resource', 'function_call', 'function', 'tool_call',
                            'tool_use', 'tool_result', 'call', 'params'
                        )
                        THEN json_opened(member.value)
                    WHEN
                        member.name IN ('content', 'output', 'message')
                        AND is_response(
                            CASE member.name
                                WHEN 'message'
                                    THEN jsonb_build_object('message', json_opened(member.value))
                                ELSE json_opened(member.value)
                            END
                        )
                        AND (
                            member.name <> 'content'
                            OR jsonb_typeof(json_opened(member.value)) = 'array'
                        )
                        THEN json_opened(member.value)
                    ELSE member.value
                END
            ),
            '{}'::jsonb
        )
    FROM jsonb_each(members) AS member (name, value)
    WHERE
        member.value <> 'null'::jsonb
        AND (
            member.value <> '""'::jsonb
            OR member.name NOT IN (
                'session_id', 'conversation_id', 'slot', 'role', 'provider', 'provider_name',
                'model', 'user_id', 'user', 'client', 'user_agent', 'tags', 'status', 'error',
                'error_kind', 'error_type', 'finish_reason', 'stop_reason', 'done_reason',
                'usage', 'timings', 'metrics', 'parameters', 'options', 'choices', 'messages',
                'tools', 'tool_calls', 'trace_id', 'model_group', 'model_id', 'end_user',
                'sessionId', 'userId', 'traceId', 'custom_llm_provider', 'modelVersion'
            )
        )
);

-- An object as it is read, which most are as they come; anything else as it is.
CREATE FUNCTION json_ready(value jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    IF
        jsonb_typeof(value) = 'object'
        AND value @? '$.* ? (
            @ == null || @ == "" || @ starts with "{" || @ starts with "["
            || @ starts with " " || @ starts with "\n"
        )'
    THEN
        RETURN json_readied(value);
    END IF;
    RETURN value;
END
$$;

-- A tool call of any family in OpenAI's form. Arguments that came as text stay as they came.
CREATE OR REPLACE FUNCTION openai_call(call jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    said jsonb;
    name jsonb;
    arguments jsonb;
BEGIN
    IF
        jsonb_typeof(call) = 'object'
        AND jsonb_typeof(call #> '{function,arguments}') = 'string' AND call ? 'type'
    THEN
        RETURN call;
    END IF;
    call := json_opened(call);
    IF jsonb_typeof(call) IS DISTINCT FROM 'object' THEN
        RETURN call;
    END IF;
    said := json_opened(json_best(
        call -> 'function', call -> 'functionCall', call -> 'function_call', call -> 'custom', call
    ));
    name := json_best(said -> 'name', said -> 'tool_name', said -> 'toolName');
    arguments := json_best(
        said -> 'arguments', said -> 'input', said -> 'args', said -> 'parameters'
    );
    IF name IS NULL AND arguments IS NULL THEN
        RETURN call;
    END IF;
    RETURN json_said(jsonb_build_object(
        'id', json_best(
            call -> 'call_id', call -> 'id', call -> 'tool_call_id', call -> 'toolCallId',
            said -> 'id'
        ),
        'type', 'function',
        'function',
        json_said(jsonb_build_object('name', name, 'arguments', json_as_text(arguments)))
    ));
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

-- A response that may have been sent as text; an answer that is JSON stays the text that it is.
CREATE OR REPLACE FUNCTION opened_response(response jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    opened jsonb;
BEGIN
    IF jsonb_typeof(response) = 'string' THEN
        opened := json_ready(json_opened(response));
        RETURN CASE WHEN is_response(opened) THEN opened ELSE response END;
    END IF;
    RETURN response;
END
$$;

-- Tool calls in OpenAI's form; NULL if there are none.
CREATE OR REPLACE FUNCTION openai_calls(calls jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    list jsonb := json_opened(calls);
BEGIN
    IF jsonb_typeof(list) = 'object' AND list ?| '{name,function}' THEN
        list := jsonb_build_array(list);
    ELSIF jsonb_typeof(list) IS DISTINCT FROM 'array' THEN
        RETURN NULL;
    END IF;
    RETURN (
        SELECT jsonb_agg(openai_call(listed.call) ORDER BY listed.call_no)
        FROM jsonb_array_elements(list) WITH ORDINALITY AS listed (call, call_no)
    );
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
        'name', json_best(message -> 'name', message -> 'tool_name'),
        'tool_call_id', json_best(
            message -> 'tool_call_id', message -> 'tool_use_id',
            CASE WHEN speaker = 'tool' THEN message -> 'id' END
        ),
        'reasoning_content', json_best(
            message -> 'reasoning_content', message -> 'reasoning', message -> 'thinking',
            to_jsonb(said.reasoning)
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

-- Messages of any family in OpenAI's form. What an assistant did in several items is one message.
CREATE OR REPLACE FUNCTION openai_messages(messages jsonb) RETURNS jsonb
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
    ELSIF NOT list @? '$[*] ? (@.type like_regex "^reasoning$|_call$")' THEN
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

-- A message of one who answers, whatever its role is called.
CREATE OR REPLACE FUNCTION answered_message(message jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    opened jsonb := json_opened(message);
BEGIN
    IF jsonb_typeof(opened) = 'object' AND (
        jsonb_typeof(message) = 'object' OR opened ? 'role' OR opened ?& '{content,tool_calls}'
    ) THEN
        message := opened || '{"role": "assistant"}';
    ELSE
        message := jsonb_build_object('role', 'assistant', 'content', message);
    END IF;
    RETURN openai_answer(openai_message(message));
END
$$;

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
        response -> 'finish_reason'
    ),
    '""'::jsonb
);

-- ok, error, or what else was said: a word, or an HTTP status.
CREATE OR REPLACE FUNCTION exchange_status(status text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN lower(status) IN ('ok', 'success', 'completed', 'default', 'status_code_ok') THEN 'ok'
    WHEN lower(status) IN ('error', 'failure', 'failed', 'status_code_error') THEN 'error'
    WHEN lower(status) IN ('', 'unset', 'status_code_unset') THEN NULL
    WHEN status ~ '^[23]\d\d$' THEN 'ok'
    WHEN status ~ '^[45]\d\d$' THEN 'error'
    ELSE lower(status)
END;

-- The choices of a response in the order of their own index.
CREATE FUNCTION ordered_choices(response jsonb, name text) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    IF jsonb_typeof(response) = 'object' AND response #> ARRAY[name, '1'] IS NOT NULL THEN
        RETURN response || jsonb_build_object(name, (
            SELECT
                jsonb_agg(
                    listed.choice
                    ORDER BY coalesce(json_bigint(listed.choice -> 'index'), listed.choice_no - 1),
                        listed.choice_no
                )
            FROM jsonb_array_elements(response -> name) WITH ORDINALITY AS listed (choice, choice_no)
        ));
    END IF;
    RETURN response;
END
$$;

-- Whether this is one of Langfuse's observations.
CREATE FUNCTION is_observation(p jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce(
    p ?| '{modelParameters,usageDetails,model_parameters,usage_details}'::text[]
    AND p ?| '{traceId,trace_id,startTime,start_time}'::text[]
    AND NOT p ?& '{messages,response}'::text[]
    OR p ->> 'type' IN ('GENERATION', 'generation-create', 'generation-update')
    AND p ?| '{body,input,output}'::text[],
    FALSE
);

-- Whether this is a span, or a log record, of OpenTelemetry's that tells of a model.
CREATE FUNCTION is_gen_ai(p jsonb) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
RETURN coalesce(
    p ?| '{gen_ai.system,gen_ai.provider.name,gen_ai.operation.name,gen_ai.request.model,
        gen_ai.response.model,gen_ai.input.messages,gen_ai.output.messages}'::text[]
    OR p ?| '{attributes,events}'::text[]
    AND (
        otel_attributes(p)::text LIKE '%"gen_ai.%'
        OR p @? '$.events[*] ? (@.name starts with "gen_ai." || @.event_name starts with "gen_ai.")'
    ),
    FALSE
);

-- A value of OTLP's JSON, in either spelling: {"stringValue": …}, {"arrayValue": {"values": […]}},
-- {"kvlistValue": {"values": [{"key": …, "value": …}]}} … Deeper than anybody nests, as it is.
CREATE FUNCTION otlp_unpacked(value jsonb, depth integer) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    kind text;
    said jsonb;
BEGIN
    IF depth > 12 OR jsonb_typeof(value) IS DISTINCT FROM 'object' THEN
        RETURN value;
    END IF;
    SELECT member.name, member.value INTO kind, said
    FROM jsonb_each(value) AS member (name, value)
    WHERE
        member.value <> 'null'
        AND replace(lower(member.name), '_', '') IN (
            'stringvalue', 'intvalue', 'doublevalue', 'boolvalue', 'bytesvalue', 'arrayvalue',
            'kvlistvalue'
        )
    LIMIT 1;
    IF kind IS NULL THEN
        RETURN nullif(value, '{}');
    ELSIF kind LIKE 'a%' THEN
        RETURN coalesce((
            SELECT jsonb_agg(otlp_unpacked(listed.item, depth + 1) ORDER BY listed.item_no)
            FROM jsonb_array_elements(array_or_empty(said -> 'values')) WITH ORDINALITY
                AS listed (item, item_no)
        ), '[]');
    ELSIF kind LIKE 'k%' THEN
        RETURN coalesce((
            SELECT jsonb_object_agg(
                listed.item ->> 'key', otlp_unpacked(listed.item -> 'value', depth + 1)
                ORDER BY listed.item_no
            )
            FROM jsonb_array_elements(array_or_empty(said -> 'values')) WITH ORDINALITY
                AS listed (item, item_no)
            WHERE listed.item ->> 'key' IS NOT NULL
        ), '{}');
    END IF;
    RETURN said;
END
$$;

CREATE OR REPLACE FUNCTION otlp_value(value jsonb) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
RETURN otlp_unpacked(value, 0);

-- The attributes of a span or a log record of OpenTelemetry by their names, whether they lie flat,
-- under `attributes`, or as OTLP's list of keys and values.
CREATE OR REPLACE FUNCTION otel_attributes(p jsonb) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (
    SELECT coalesce(jsonb_object_agg(named.name, named.value ORDER BY named.place), '{}'::jsonb)
    FROM (
        SELECT
            flat.name,
            otlp_value(flat.value) AS value,
            2 AS place
        FROM jsonb_each(CASE WHEN jsonb_typeof(p) = 'object' THEN p END) AS flat (name, value)
        WHERE flat.name LIKE '%.%'
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
);

-- An OpenTelemetry span's status, however it is spelled; NULL if it is unset.
CREATE FUNCTION otel_status(p jsonb, named jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    said jsonb := json_opened(p -> 'status');
    code text;
BEGIN
    code := upper(json_text(json_best(
        said -> 'code', said -> 'status_code', said -> 'statusCode',
        CASE WHEN jsonb_typeof(said) <> 'object' THEN said END,
        p -> 'status_code', p -> 'statusCode', named -> 'otel.status_code'
    )));
    RETURN CASE
        WHEN code IN ('2', 'ERROR', 'STATUS_CODE_ERROR') THEN '"error"'::jsonb
        WHEN json_filled(named -> 'error.type') IS NOT NULL THEN '"error"'
        WHEN code IN ('1', 'OK', 'STATUS_CODE_OK') THEN '"ok"'
        WHEN code NOT IN ('0', 'UNSET', 'STATUS_CODE_UNSET') THEN to_jsonb(code)
    END;
END
$$;

-- What kind of error a span tells of: its own attribute, or the exception that it recorded.
CREATE FUNCTION otel_error(p jsonb, named jsonb) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
RETURN json_first(
    json_filled(named -> 'error.type'),
    (
        SELECT (jsonb_agg(otel_attributes(listed.event) -> 'exception.type')) -> 0
        FROM jsonb_array_elements(array_or_empty(json_opened(p -> 'events'))) AS listed (event)
        WHERE listed.event ->> 'name' = 'exception'
    )
);

-- How long a span took, in milliseconds: of its times, whichever spelling they are in (JavaScript
-- has them as seconds and nanoseconds), or of its duration.
CREATE FUNCTION otel_ms(p jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    moments jsonb[] := ARRAY[
        json_best(
            p -> 'startTimeUnixNano', p -> 'start_time_unix_nano', p -> 'startTime',
            p -> 'start_time', p -> 'startTimestamp', p -> 'start_timestamp'
        ),
        json_best(
            p -> 'endTimeUnixNano', p -> 'end_time_unix_nano', p -> 'endTime', p -> 'end_time',
            p -> 'endTimestamp', p -> 'end_timestamp'
        ),
        p -> 'duration'
    ];
BEGIN
    FOR place IN 1 .. 3 LOOP
        IF jsonb_typeof(moments[place]) = 'array' THEN
            moments[place] := to_jsonb(
                json_bigint(moments[place] -> 0)::numeric * 1000
                + json_bigint(moments[place] -> 1)::numeric / 1000000
            );
        ELSIF place = 3 THEN
            moments[place] := NULL; -- a number of a unit that nobody can know
        END IF;
    END LOOP;
    RETURN json_first(
        json_span_ms(moments[1], moments[2]),
        moments[3],
        json_ms(json_first(p -> 'durationNano', p -> 'duration_nano'), 1e6)
    );
END
$$;

-- Messages that attributes tell one by one: gen_ai.prompt.0.role, gen_ai.completion.0.content,
-- gen_ai.completion.0.tool_calls.0.name … NULL if there are none.
CREATE FUNCTION otel_numbered(named jsonb, side text) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (
    SELECT jsonb_agg(one.message ORDER BY one.message_no)
    FROM (
        SELECT
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
                found.hit[2]::integer AS message_no,
                found.hit[4]::integer AS call_no,
                jsonb_object_agg(found.hit[5], attribute.value) AS members
            FROM
                jsonb_each(CASE WHEN jsonb_typeof(named) = 'object' THEN named END)
                    AS attribute (name, value)
            CROSS JOIN LATERAL
                regexp_matches(
                    attribute.name,
                    '^gen_ai\.(prompt|completion)\.(\d{1,6})\.(tool_calls\.(\d{1,6})\.)?(\w+)$'
                ) AS found (hit)
            WHERE found.hit[1] = side
            GROUP BY found.hit[2], found.hit[4]
        ) AS item
        GROUP BY item.message_no
    ) AS one
);

-- The events of a span with their names and what they hold.
CREATE FUNCTION otel_events(p jsonb) RETURNS TABLE (event_no bigint, name text, body jsonb)
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    IF jsonb_typeof(json_opened(p -> 'events')) IS DISTINCT FROM 'array' THEN
        RETURN;
    END IF;
    RETURN QUERY
    SELECT
        listed.place,
        json_text(json_best(listed.event -> 'name', listed.event -> 'event_name')),
        CASE
            WHEN jsonb_typeof(json_opened(otlp_value(listed.event -> 'body'))) = 'object'
                THEN json_opened(otlp_value(listed.event -> 'body'))
            ELSE (
                SELECT coalesce(jsonb_object_agg(said.name, json_opened(said.value)), '{}')
                FROM jsonb_each(otel_attributes(
                    jsonb_build_object('attributes', listed.event -> 'attributes')
                )) AS said (name, value)
            )
        END
    FROM jsonb_array_elements(json_opened(p -> 'events')) WITH ORDINALITY
        AS listed (event, place);
END
$$;

-- All attributes of a span: its own, and those of the one event that holds its details.
CREATE FUNCTION otel_named(p jsonb) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
RETURN otel_attributes(p) || coalesce(
    (
        SELECT (jsonb_agg(otel_attributes(listed.event) ORDER BY listed.event_no)) -> 0
        FROM
            jsonb_array_elements(array_or_empty(json_opened(p -> 'events')))
            WITH ORDINALITY AS listed (event, event_no)
        WHERE listed.event ->> 'name' LIKE 'gen\_ai.client.%'
    ),
    '{}'::jsonb
);

-- What was answered, as a span tells it: a response with a choice for each output.
CREATE FUNCTION otel_response(p jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    named jsonb := otel_named(p);
    outputs jsonb := json_opened(named -> 'gen_ai.output.messages');
BEGIN
    IF jsonb_typeof(outputs) IS DISTINCT FROM 'array' THEN
        outputs := coalesce(
            otel_numbered(named, 'completion'),
            (
                SELECT jsonb_agg(told.body ORDER BY told.event_no)
                FROM otel_events(p) AS told
                WHERE told.name = 'gen_ai.choice'
            ),
            (
                SELECT jsonb_agg(told.body -> 'gen_ai.completion' ORDER BY told.event_no) -> 0
                FROM otel_events(p) AS told
                WHERE told.name = 'gen_ai.content.completion'
            )
        );
    END IF;
    IF outputs IS NULL THEN
        outputs := opened_response(named -> 'gen_ai.completion');
        IF is_response(outputs) AND jsonb_typeof(outputs) = 'object' THEN
            RETURN outputs;
        END IF;
    END IF;
    RETURN jsonb_build_object('choices', (
        SELECT
            jsonb_agg(
                jsonb_build_object(
                    'message', coalesce(
                        nullif(json_opened(listed.output -> 'message'), 'null'), listed.output
                    ),
                    'index', listed.output -> 'index',
                    'finish_reason', listed.output -> 'finish_reason'
                ) ORDER BY listed.output_no
            )
        FROM jsonb_array_elements(json_list(outputs)) WITH ORDINALITY
            AS listed (output, output_no)
    ));
END
$$;

-- What was answered, as a recorder holds it (LiteLLM, Langfuse, OpenTelemetry); NULL if this is
-- none of theirs.
CREATE FUNCTION recorded_response(p jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    held jsonb;
BEGIN
    IF is_gen_ai(p) THEN
        RETURN otel_response(p);
    ELSIF p ?| '{call_type,hidden_params,standard_logging_object}' THEN
        held := json_opened(p -> 'standard_logging_object');
        RETURN CASE
            WHEN jsonb_typeof(held) = 'object'
                THEN coalesce(json_best(held -> 'response', p -> 'response'), '{}')
        END;
    ELSIF is_observation(p) THEN
        held := json_opened(p -> 'body');
        held := opened_response(
            CASE jsonb_typeof(held) WHEN 'object' THEN held ELSE p END -> 'output'
        );
        IF
            held #> '{1}' IS NOT NULL AND jsonb_typeof(held) = 'array'
            AND NOT held @? '$[*] ? (!(@.role == "assistant") || exists (@.type))'
        THEN
            -- Of several choices it keeps the list of their messages.
            held := jsonb_build_object('choices', (
                SELECT jsonb_agg(jsonb_build_object('message', listed.said) ORDER BY listed.place)
                FROM jsonb_array_elements(held) WITH ORDINALITY AS listed (said, place)
            ));
        END IF;
        RETURN coalesce(held, '{}');
    END IF;
    RETURN NULL;
END
$$;

-- What was answered: the payload's `response`, or the payload itself; a stream as one response,
-- and choices in order.
CREATE OR REPLACE FUNCTION chat_response(p jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    response jsonb := coalesce(
        recorded_response(p), json_best(p -> 'response', p -> 'chunks', p -> 'events', p)
    );
    whole jsonb := whole_stream(response);
BEGIN
    IF whole IS NULL THEN
        response := opened_response(response);
        whole := coalesce(
            whole_stream(response),
            whole_stream(json_opened(response -> 'chunks')),
            whole_stream(json_opened(response -> 'events')),
            CASE
                WHEN json_best(p -> 'response') IS NULL AND jsonb_typeof(p) = 'object'
                    AND response IN (p -> 'chunks', p -> 'events')
                    THEN p
            END,
            response
        );
    END IF;
    RETURN ordered_choices(ordered_choices(json_ready(whole), 'choices'), 'candidates');
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
    ELSE chat_choices(chat_response(json_ready(event_payload(payload))))
END;

-- A function's parameters are no columns, which the linter cannot know.
-- sqlfluff:exclude_rules:ST06,RF04,RF02,AL03,AL05,AL07,ST10,RF03,LT02,ST05
