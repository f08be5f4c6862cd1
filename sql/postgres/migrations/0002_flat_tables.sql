-- Flat tables: one typed table a subject, one partition a UTC day, derived from the inbox.

-- Reading JSON that may hold anything: a value of the wrong type or size is NULL, never an error.
CREATE FUNCTION json_text(value jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN jsonb_typeof(value) IN ('string', 'number', 'boolean') THEN value #>> '{}' END;

CREATE FUNCTION json_float(value jsonb) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN jsonb_typeof(value) = 'number'
        THEN CASE
            WHEN value::numeric = 0 THEN 0
            WHEN abs(value::numeric) BETWEEN 1e-300 AND 1e300 THEN value::numeric::double precision
        END
END;

CREATE FUNCTION json_bigint(value jsonb) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN jsonb_typeof(value) = 'number'
        THEN CASE WHEN abs(value::numeric) < 9e18 THEN trunc(value::numeric)::bigint END
END;

CREATE FUNCTION json_boolean(value jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN jsonb_typeof(value) = 'boolean' THEN value::boolean END;

-- RFC 3339 text, or epoch seconds or milliseconds.
CREATE FUNCTION json_time(value jsonb) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE
    WHEN
        jsonb_typeof(value) = 'string'
        AND (value #>> '{}') ~ '^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d'
        AND pg_input_is_valid(value #>> '{}', 'timestamptz')
        THEN (value #>> '{}')::timestamptz
    WHEN json_float(value) BETWEEN 0 AND 1e11 THEN to_timestamp(json_float(value))
    WHEN json_float(value) BETWEEN 1e11 AND 1e14 THEN to_timestamp(json_float(value) / 1000)
END;

-- JSON that may have been sent as text holding JSON, as OpenAI sends a tool's arguments.
CREATE FUNCTION json_unwrapped(value jsonb) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE
    WHEN jsonb_typeof(value) = 'string' AND pg_input_is_valid(value #>> '{}', 'jsonb')
        THEN (value #>> '{}')::jsonb
    ELSE value
END;

CREATE FUNCTION array_or_empty(value jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN jsonb_typeof(value) = 'array' THEN value ELSE '[]'::jsonb END;

-- An OpenAI message's content: a string, or parts of which the text ones count.
CREATE FUNCTION content_text(content jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE jsonb_typeof(content)
    WHEN 'string' THEN content #>> '{}'
    WHEN 'array'
        THEN (
            SELECT string_agg(part ->> 'text', E'\n' ORDER BY part_no)
            FROM jsonb_array_elements(content) WITH ORDINALITY AS parts (part, part_no)
            WHERE jsonb_typeof(part -> 'text') = 'string'
        )
END;

-- The last message of a role, as text.
CREATE FUNCTION last_message_text(messages jsonb, wanted_role text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (
    SELECT content_text(message -> 'content')
    FROM
        jsonb_array_elements(array_or_empty(messages)) WITH ORDINALITY
            AS listed (message, message_no)
    WHERE message ->> 'role' = wanted_role
    ORDER BY message_no DESC
    LIMIT 1
);

-- The nodes (or edges) that one llm.flow.lineage payload carries, whichever form it has.
CREATE FUNCTION flow_parts(payload jsonb, part_kind text) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN payload ->> 'kind' = part_kind THEN jsonb_build_array(payload)
    ELSE array_or_empty(payload -> (part_kind || 's'))
END;

CREATE TABLE llm_chat (
    event_id text NOT NULL,
    correlation_id text,
    causation_id text,
    source text,
    occurred_at timestamptz NOT NULL,
    occurred_on date NOT NULL,
    conversation_id text,
    slot text,
    role text,
    provider_name text,
    request_model text,
    response_model text,
    message_count integer NOT NULL,
    user_text text,
    response_text text,
    reasoning_text text,
    tool_call_count integer NOT NULL,
    finish_reason text,
    input_tokens bigint,
    output_tokens bigint,
    cached_tokens bigint,
    ttft_ms double precision,
    total_ms double precision,
    pp_tokens_per_s double precision,
    tg_tokens_per_s double precision,
    temperature double precision,
    max_tokens bigint,
    messages jsonb NOT NULL,
    tool_calls jsonb,
    tools jsonb,
    parameters jsonb,
    batch_id bigint NOT NULL,
    PRIMARY KEY (occurred_on, event_id)
) PARTITION BY RANGE (occurred_on);
CREATE INDEX llm_chat_correlation ON llm_chat (correlation_id);

CREATE TABLE llm_tool_call (
    event_id text NOT NULL,
    correlation_id text,
    causation_id text,
    source text,
    occurred_at timestamptz NOT NULL,
    occurred_on date NOT NULL,
    tool_call_id text,
    tool_name text,
    is_error boolean,
    error_type text,
    duration_ms double precision,
    slot text,
    request_model text,
    chat_event_id text,
    arguments jsonb,
    result jsonb,
    batch_id bigint NOT NULL,
    PRIMARY KEY (occurred_on, event_id)
) PARTITION BY RANGE (occurred_on);
CREATE INDEX llm_tool_call_correlation ON llm_tool_call (correlation_id);

CREATE TABLE llm_flow_node (
    event_id text NOT NULL,
    item_no integer NOT NULL,
    correlation_id text,
    causation_id text,
    source text,
    occurred_at timestamptz NOT NULL,
    occurred_on date NOT NULL,
    node_id text,
    node_type text,
    node_name text,
    slot text,
    request_model text,
    status text,
    started_at timestamptz,
    ended_at timestamptz,
    batch_id bigint NOT NULL,
    PRIMARY KEY (occurred_on, event_id, item_no)
) PARTITION BY RANGE (occurred_on);
CREATE INDEX llm_flow_node_correlation ON llm_flow_node (correlation_id);

CREATE TABLE llm_flow_edge (
    event_id text NOT NULL,
    item_no integer NOT NULL,
    correlation_id text,
    causation_id text,
    source text,
    occurred_at timestamptz NOT NULL,
    occurred_on date NOT NULL,
    edge_id text,
    edge_type text,
    source_node_id text,
    target_node_id text,
    edge_occurred_at timestamptz,
    batch_id bigint NOT NULL,
    PRIMARY KEY (occurred_on, event_id, item_no)
) PARTITION BY RANGE (occurred_on);
CREATE INDEX llm_flow_edge_correlation ON llm_flow_edge (correlation_id);

CREATE TABLE obsidian_semantic_search (
    event_id text NOT NULL,
    correlation_id text,
    causation_id text,
    source text,
    occurred_at timestamptz NOT NULL,
    occurred_on date NOT NULL,
    query text,
    vault text,
    top_k bigint,
    embedding_model text,
    result_count integer NOT NULL,
    top_score double precision,
    mean_score double precision,
    duration_ms double precision,
    results jsonb NOT NULL,
    batch_id bigint NOT NULL,
    PRIMARY KEY (occurred_on, event_id)
) PARTITION BY RANGE (occurred_on);
CREATE INDEX obsidian_semantic_search_correlation ON obsidian_semantic_search (correlation_id);

-- Which batches a flat table's day already holds; `version` rises with each change of the day.
CREATE TABLE flat_batch (
    table_name text NOT NULL,
    occurred_on date NOT NULL,
    batch_id bigint NOT NULL,
    PRIMARY KEY (table_name, occurred_on, batch_id)
);

CREATE TABLE flat_day (
    table_name text NOT NULL,
    occurred_on date NOT NULL,
    version bigint NOT NULL,
    row_count bigint NOT NULL,
    flattened_at timestamptz NOT NULL,
    PRIMARY KEY (table_name, occurred_on)
);

-- What each flat table should hold, and what it holds, in one shape for the checks.
CREATE VIEW flat_expected AS
SELECT
    kind.table_name,
    inbox.occurred_on,
    inbox.batch_id,
    inbox.event_id,
    CASE kind.table_name
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
    ('obsidian_semantic_search', 'obsidian.semantic_search')
) AS kind (table_name, subject) ON inbox.subject = kind.subject;

CREATE VIEW flat_present AS
SELECT
    'llm_chat' AS table_name,
    occurred_on,
    event_id,
    1 AS item_no
FROM llm_chat
UNION ALL
SELECT
    'llm_tool_call' AS table_name,
    occurred_on,
    event_id,
    1 AS item_no
FROM llm_tool_call
UNION ALL
SELECT
    'llm_flow_node' AS table_name,
    occurred_on,
    event_id,
    item_no
FROM llm_flow_node
UNION ALL
SELECT
    'llm_flow_edge' AS table_name,
    occurred_on,
    event_id,
    item_no
FROM llm_flow_edge
UNION ALL
SELECT
    'obsidian_semantic_search' AS table_name,
    occurred_on,
    event_id,
    1 AS item_no
FROM obsidian_semantic_search;
