-- Reading JSON that strangers wrote: NULL and null are the same absence, numbers and booleans may
-- come as text, times in any unit, and JSON as text in JSON, however deep. Nothing here raises.

-- The first that says something: neither NULL nor a JSON null.
CREATE FUNCTION json_first(one jsonb, two jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce(nullif(one, 'null'::jsonb), nullif(two, 'null'::jsonb));

CREATE FUNCTION json_first(one jsonb, two jsonb, three jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce(
    nullif(one, 'null'::jsonb), nullif(two, 'null'::jsonb), nullif(three, 'null'::jsonb)
);

CREATE FUNCTION json_first(one jsonb, two jsonb, three jsonb, four jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce(
    nullif(one, 'null'::jsonb), nullif(two, 'null'::jsonb),
    nullif(three, 'null'::jsonb), nullif(four, 'null'::jsonb)
);

-- What says something: not false, nor an empty text, list or object.
CREATE FUNCTION json_filled(value jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN value IN ('null', 'false', '""', '[]', '{}') THEN NULL ELSE value END;

-- A number, or text that is one.
CREATE FUNCTION json_numeric(value jsonb) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE jsonb_typeof(value)
    WHEN 'number' THEN value::numeric
    WHEN 'string'
        THEN CASE
            WHEN
                length(value #>> '{}') < 400
                AND value #>> '{}' ~ '^\s*[+-]?\d+(\.\d*)?([eE][+-]?\d{1,3})?\s*$'
                THEN (value #>> '{}')::numeric
        END
END;

CREATE OR REPLACE FUNCTION json_float(value jsonb) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN jsonb_typeof(value) IN ('number', 'string')
        THEN CASE
            WHEN json_numeric(value) = 0 THEN 0
            WHEN abs(json_numeric(value)) BETWEEN 1e-300 AND 1e300
                THEN json_numeric(value)::double precision
        END
END;

CREATE OR REPLACE FUNCTION json_bigint(value jsonb) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN jsonb_typeof(value) IN ('number', 'string')
        THEN CASE WHEN abs(json_numeric(value)) < 9e18 THEN trunc(json_numeric(value))::bigint END
END;

-- A boolean, or text that is one.
CREATE OR REPLACE FUNCTION json_boolean(value jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE jsonb_typeof(value)
    WHEN 'boolean' THEN value::boolean
    WHEN 'string'
        THEN CASE lower(btrim(value #>> '{}')) WHEN 'true' THEN TRUE WHEN 'false' THEN FALSE END
END;

-- A time that every reader has: Python's and PostgreSQL's years from 1 to 9999.
CREATE FUNCTION readable_time(moment timestamptz) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN
        moment >= '0001-01-02 00:00:00+00'::timestamptz
        AND moment < '9999-12-31 00:00:00+00'::timestamptz
        THEN moment
END;

-- RFC 3339 text, or an epoch: seconds, milli-, micro- or nanoseconds by magnitude.
CREATE OR REPLACE FUNCTION json_time(value jsonb) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE
    WHEN
        jsonb_typeof(value) = 'string'
        AND (value #>> '{}') ~ '^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d'
        THEN CASE
            WHEN pg_input_is_valid(value #>> '{}', 'timestamptz')
                THEN readable_time((value #>> '{}')::timestamptz)
        END
    WHEN json_float(value) < 0 THEN NULL
    WHEN json_float(value) < 1e11 THEN to_timestamp(json_float(value))
    WHEN json_float(value) < 1e14 THEN to_timestamp(json_float(value) / 1e3)
    WHEN json_float(value) < 1e17 THEN to_timestamp(json_float(value) / 1e6)
    WHEN json_float(value) < 1e20 THEN to_timestamp(json_float(value) / 1e9)
END;

-- How deep JSON text is nested, at most; strings in it do not count.
CREATE FUNCTION json_depth(body text) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (
    SELECT max(nested.depth)
    FROM (
        SELECT sum(CASE WHEN sign IN ('[', '{') THEN 1 ELSE -1 END) OVER (ORDER BY place) AS depth
        FROM
            string_to_table(
                regexp_replace(
                    regexp_replace(body, '"(\\.|[^"\\])*"', '', 'g'), '[^][{}]', '', 'g'
                ),
                NULL
            ) WITH ORDINALITY AS signs (sign, place)
    ) AS nested
);

-- Deeper than this, PostgreSQL's parser may fail for want of stack, which cannot be asked before.
CREATE FUNCTION json_is_shallow(body text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN length(body) < 2000 THEN TRUE
    WHEN length(body) - length(translate(body, '[{', '')) < 2000 THEN TRUE
    ELSE json_depth(body) < 2000
END;

-- JSON text as JSON; NULL if it is none. What jsonb cannot hold (U+0000, half a surrogate pair)
-- becomes U+FFFD, as in payloads that come as JSON.
-- In PL/pgSQL, which evaluates in order: SQL's CASE may cast what it was to ask about first.
CREATE FUNCTION json_from_text(body text) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    repaired text;
BEGIN
    IF NOT json_is_shallow(body) THEN
        RETURN NULL;
    ELSIF pg_input_is_valid(body, 'jsonb') THEN
        RETURN body::jsonb;
    ELSIF strpos(body, '\u') = 0 THEN
        RETURN NULL;
    END IF;
    repaired := regexp_replace(body, '(?<!\\)((?:\\\\)*)\\u0000', '\1\\ufffd', 'g');
    repaired := regexp_replace(
        repaired, '\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])', '\\ufffd', 'g'
    );
    repaired := regexp_replace(
        repaired, '(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2}', '\\ufffd', 'g'
    );
    RETURN CASE WHEN pg_input_is_valid(repaired, 'jsonb') THEN repaired::jsonb END;
END
$$;

CREATE OR REPLACE FUNCTION json_unwrapped(value jsonb) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE
    WHEN jsonb_typeof(value) = 'string' THEN coalesce(json_from_text(value #>> '{}'), value)
    ELSE value
END;

-- What an event carries: its payload, unpacked once (a large one is compressed, and each look into
-- it would unpack it again), and read where it was sent as text that holds JSON.
CREATE FUNCTION event_payload(payload jsonb) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE jsonb_typeof(payload)
    WHEN 'object' THEN payload || '{}'::jsonb
    ELSE json_unwrapped(payload)
END;

CREATE OR REPLACE FUNCTION flow_parts(payload jsonb, part_kind text) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (
    SELECT
        CASE
            WHEN p ->> 'kind' = part_kind THEN jsonb_build_array(p)
            ELSE array_or_empty(p -> (part_kind || 's'))
        END
    FROM (SELECT event_payload(payload) AS p) AS event
);

-- An OpenAI message's content: a string, or parts of which the text ones count. (In PL/pgSQL, as
-- an SQL function that is not inlined costs more than what it does.)
CREATE OR REPLACE FUNCTION content_text(content jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    IF jsonb_typeof(content) = 'string' THEN
        RETURN content #>> '{}';
    ELSIF jsonb_typeof(content) = 'array' THEN
        RETURN (
            SELECT
                string_agg(
                    CASE jsonb_typeof(part)
                        WHEN 'string' THEN part #>> '{}'
                        ELSE part ->> 'text'
                    END,
                    E'\n' ORDER BY part_no
                )
            FROM jsonb_array_elements(content) WITH ORDINALITY AS parts (part, part_no)
            WHERE jsonb_typeof(part) = 'string' OR jsonb_typeof(part -> 'text') = 'string'
        );
    END IF;
    RETURN NULL;
END
$$;

-- The last message of a role, as text.
CREATE OR REPLACE FUNCTION last_message_text(messages jsonb, wanted_role text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    message jsonb;
BEGIN
    IF jsonb_typeof(messages) = 'array' THEN
        FOR message_no IN REVERSE jsonb_array_length(messages) - 1 .. 0 LOOP
            message := messages -> message_no;
            IF message ->> 'role' = wanted_role THEN
                RETURN content_text(message -> 'content');
            END IF;
        END LOOP;
    END IF;
    RETURN NULL;
END
$$;
