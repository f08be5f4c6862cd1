-- The tables as migrations 0001 to 0016 made them, with rows of every table: pg_dump --inserts.
SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
CREATE FUNCTION public.array_or_empty(value jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN (jsonb_typeof(value) = 'array'::text) THEN value ELSE '[]'::jsonb END;
CREATE FUNCTION public.content_text(content jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE jsonb_typeof(content) WHEN 'string'::text THEN (content #>> '{}'::text[]) WHEN 'array'::text THEN (SELECT string_agg((parts.part ->> 'text'::text), '
'::text ORDER BY parts.part_no) AS string_agg FROM jsonb_array_elements(content_text.content) WITH ORDINALITY parts(part, part_no) WHERE (jsonb_typeof((parts.part -> 'text'::text)) = 'string'::text)) ELSE NULL::text END;
CREATE FUNCTION public.ensure_day_partition(parent text, day date) RETURNS text
    LANGUAGE plpgsql
    AS $$
DECLARE
    child text := parent || '_p' || to_char(day, 'YYYYMMDD');
BEGIN
    IF to_regclass(quote_ident(child)) IS NOT NULL THEN
        RETURN child;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended(child, 0));
    -- Asked of the catalog's tables: to_regclass() would give its first answer again, from a cache.
    IF EXISTS (
        SELECT FROM pg_inherits
        INNER JOIN pg_class ON pg_inherits.inhrelid = pg_class.oid
        WHERE pg_inherits.inhparent = parent::regclass AND pg_class.relname = child
    ) THEN
        RETURN child;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', child, parent);
    EXECUTE format(
        'ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
        parent, child, day, day + 1
    );
    RETURN child;
END
$$;
CREATE FUNCTION public.flow_parts(payload jsonb, part_kind text) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN ((payload ->> 'kind'::text) = part_kind) THEN jsonb_build_array(payload) ELSE public.array_or_empty((payload -> (part_kind || 's'::text))) END;
CREATE FUNCTION public.json_bigint(value jsonb) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN (jsonb_typeof(value) = 'number'::text) THEN CASE WHEN (abs((value)::numeric) < '9000000000000000000'::numeric) THEN (trunc((value)::numeric))::bigint ELSE NULL::bigint END ELSE NULL::bigint END;
CREATE FUNCTION public.json_boolean(value jsonb) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN (jsonb_typeof(value) = 'boolean'::text) THEN (value)::boolean ELSE NULL::boolean END;
CREATE FUNCTION public.json_float(value jsonb) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN (jsonb_typeof(value) = 'number'::text) THEN CASE WHEN ((value)::numeric = (0)::numeric) THEN (0)::double precision WHEN ((abs((value)::numeric) >= 0.000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000001) AND (abs((value)::numeric) <= '1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000'::numeric)) THEN ((value)::numeric)::double precision ELSE NULL::double precision END ELSE NULL::double precision END;
CREATE FUNCTION public.json_text(value jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN (jsonb_typeof(value) = ANY (ARRAY['string'::text, 'number'::text, 'boolean'::text])) THEN (value #>> '{}'::text[]) ELSE NULL::text END;
CREATE FUNCTION public.json_time(value jsonb) RETURNS timestamp with time zone
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN ((jsonb_typeof(value) = 'string'::text) AND ((value #>> '{}'::text[]) ~ '^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d'::text) AND pg_input_is_valid((value #>> '{}'::text[]), 'timestamptz'::text)) THEN ((value #>> '{}'::text[]))::timestamp with time zone WHEN ((public.json_float(value) >= (0)::double precision) AND (public.json_float(value) <= ('100000000000'::numeric)::double precision)) THEN to_timestamp(public.json_float(value)) WHEN ((public.json_float(value) >= ('100000000000'::numeric)::double precision) AND (public.json_float(value) <= ('100000000000000'::numeric)::double precision)) THEN to_timestamp((public.json_float(value) / (1000)::double precision)) ELSE NULL::timestamp with time zone END;
CREATE FUNCTION public.json_unwrapped(value jsonb) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN ((jsonb_typeof(value) = 'string'::text) AND pg_input_is_valid((value #>> '{}'::text[]), 'jsonb'::text)) THEN ((value #>> '{}'::text[]))::jsonb ELSE value END;
CREATE FUNCTION public.landed_batch(landed_at timestamp with time zone) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ((EXTRACT(epoch FROM landed_at) * (1000000)::numeric))::bigint;
CREATE FUNCTION public.last_message_text(messages jsonb, wanted_role text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT public.content_text((listed.message -> 'content'::text)) AS content_text FROM jsonb_array_elements(public.array_or_empty(last_message_text.messages)) WITH ORDINALITY listed(message, message_no) WHERE ((listed.message ->> 'role'::text) = last_message_text.wanted_role) ORDER BY listed.message_no DESC LIMIT 1);
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public.archived_day (
    table_name text NOT NULL,
    occurred_on date NOT NULL,
    archive_no integer NOT NULL,
    version text NOT NULL,
    row_count bigint NOT NULL,
    archived_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE public.article_segment (
    occurred_on date NOT NULL,
    article text NOT NULL,
    target_language text NOT NULL,
    segment_no integer NOT NULL,
    part text NOT NULL,
    kind text NOT NULL,
    line integer NOT NULL,
    source_text text NOT NULL,
    translated_text text,
    status text NOT NULL,
    findings text[] DEFAULT '{}'::text[] NOT NULL,
    memory_key text,
    job_id text,
    is_remembered boolean NOT NULL,
    model text,
    licence text,
    length_ratio double precision,
    glossary_terms integer NOT NULL,
    glossary_hits integer NOT NULL,
    round_trip_chrf2 double precision,
    CONSTRAINT article_segment_status_check CHECK ((status = ANY (ARRAY['ok'::text, 'unfit'::text])))
);
COMMENT ON TABLE public.article_segment IS 'The segments of article_translation, in their order';
COMMENT ON COLUMN public.article_segment.line IS 'Of the source, from 1';
COMMENT ON COLUMN public.article_segment.memory_key IS 'NULL: nothing of the source language in it, left as it is';
COMMENT ON COLUMN public.article_segment.is_remembered IS 'It came from the memory and was not asked';
CREATE TABLE public.article_translation (
    occurred_on date NOT NULL,
    article text NOT NULL,
    target_language text NOT NULL,
    source_language text NOT NULL,
    status text NOT NULL,
    reasons text[] DEFAULT '{}'::text[] NOT NULL,
    output_name text NOT NULL,
    source_sha256 text,
    model text,
    licence text,
    prompt_version text,
    glossary_version text,
    segments integer NOT NULL,
    asked_segments integer NOT NULL,
    unfit_segments integer NOT NULL,
    untranslated_segments integer NOT NULL,
    repeated_segments integer NOT NULL,
    structure_matches boolean,
    length_ratio double precision,
    glossary_terms integer NOT NULL,
    glossary_hits integer NOT NULL,
    round_trip_chrf2 double precision,
    chrf2_signature text,
    translated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT article_translation_status_check CHECK ((status = ANY (ARRAY['published'::text, 'not_published'::text, 'kept'::text, 'skipped'::text])))
);
COMMENT ON TABLE public.article_translation IS 'What became of an article in a language: one row for each day on which it was translated';
COMMENT ON COLUMN public.article_translation.occurred_on IS 'UTC day of the translation';
COMMENT ON COLUMN public.article_translation.status IS 'published; not_published: reasons say why; kept: somebody else wrote the file that is there;
skipped: it is in that language already';
COMMENT ON COLUMN public.article_translation.asked_segments IS 'Those that the memory did not have';
CREATE VIEW public.day_partition AS
 SELECT parent.relname AS table_name,
    child.relname AS partition_name,
    to_date("right"((child.relname)::text, 8), 'YYYYMMDD'::text) AS occurred_on
   FROM (((pg_inherits inheritance
     JOIN pg_class parent ON ((inheritance.inhparent = parent.oid)))
     JOIN pg_class child ON ((inheritance.inhrelid = child.oid)))
     JOIN pg_namespace namespace ON ((parent.relnamespace = namespace.oid)))
  WHERE ((namespace.nspname = "current_schema"()) AND (parent.relkind = 'p'::"char") AND (child.relname = (((parent.relname)::text || '_p'::text) || "right"((child.relname)::text, 8))));
CREATE TABLE public.event_duplicate (
    stream text NOT NULL,
    stream_seq bigint NOT NULL,
    received_at timestamp with time zone NOT NULL,
    event_id text NOT NULL,
    batch_id bigint NOT NULL
);
COMMENT ON TABLE public.event_duplicate IS 'Messages whose event_id another message had already landed';
CREATE TABLE public.event_inbox (
    event_id text NOT NULL,
    subject text NOT NULL,
    published_subject text NOT NULL,
    source text,
    correlation_id text,
    causation_id text,
    occurred_at timestamp with time zone NOT NULL,
    received_at timestamp with time zone NOT NULL,
    occurred_on date NOT NULL,
    stream text NOT NULL,
    stream_seq bigint NOT NULL,
    payload jsonb NOT NULL,
    payload_repaired boolean NOT NULL,
    batch_id bigint NOT NULL
)
PARTITION BY RANGE (occurred_on);
COMMENT ON TABLE public.event_inbox IS 'Every accepted event, exactly once';
COMMENT ON COLUMN public.event_inbox.received_at IS 'When JetStream stored the message';
CREATE TABLE public.event_inbox_p20260301 (
    event_id text CONSTRAINT event_inbox_event_id_not_null NOT NULL,
    subject text CONSTRAINT event_inbox_subject_not_null NOT NULL,
    published_subject text CONSTRAINT event_inbox_published_subject_not_null NOT NULL,
    source text,
    correlation_id text,
    causation_id text,
    occurred_at timestamp with time zone CONSTRAINT event_inbox_occurred_at_not_null NOT NULL,
    received_at timestamp with time zone CONSTRAINT event_inbox_received_at_not_null NOT NULL,
    occurred_on date CONSTRAINT event_inbox_occurred_on_not_null NOT NULL,
    stream text CONSTRAINT event_inbox_stream_not_null NOT NULL,
    stream_seq bigint CONSTRAINT event_inbox_stream_seq_not_null NOT NULL,
    payload jsonb CONSTRAINT event_inbox_payload_not_null NOT NULL,
    payload_repaired boolean CONSTRAINT event_inbox_payload_repaired_not_null NOT NULL,
    batch_id bigint CONSTRAINT event_inbox_batch_id_not_null NOT NULL
);
COMMENT ON COLUMN public.event_inbox_p20260301.received_at IS 'When JetStream stored the message';
CREATE TABLE public.event_inbox_p20260302 (
    event_id text CONSTRAINT event_inbox_event_id_not_null NOT NULL,
    subject text CONSTRAINT event_inbox_subject_not_null NOT NULL,
    published_subject text CONSTRAINT event_inbox_published_subject_not_null NOT NULL,
    source text,
    correlation_id text,
    causation_id text,
    occurred_at timestamp with time zone CONSTRAINT event_inbox_occurred_at_not_null NOT NULL,
    received_at timestamp with time zone CONSTRAINT event_inbox_received_at_not_null NOT NULL,
    occurred_on date CONSTRAINT event_inbox_occurred_on_not_null NOT NULL,
    stream text CONSTRAINT event_inbox_stream_not_null NOT NULL,
    stream_seq bigint CONSTRAINT event_inbox_stream_seq_not_null NOT NULL,
    payload jsonb CONSTRAINT event_inbox_payload_not_null NOT NULL,
    payload_repaired boolean CONSTRAINT event_inbox_payload_repaired_not_null NOT NULL,
    batch_id bigint CONSTRAINT event_inbox_batch_id_not_null NOT NULL
);
COMMENT ON COLUMN public.event_inbox_p20260302.received_at IS 'When JetStream stored the message';
CREATE TABLE public.event_key (
    event_id text NOT NULL,
    occurred_on date NOT NULL,
    stream text NOT NULL,
    stream_seq bigint NOT NULL,
    received_at timestamp with time zone NOT NULL
);
CREATE TABLE public.event_quarantine (
    quarantine_id bigint NOT NULL,
    subject text NOT NULL,
    stream text NOT NULL,
    stream_seq bigint NOT NULL,
    reason text NOT NULL,
    detail text NOT NULL,
    raw bytea NOT NULL,
    headers jsonb,
    received_at timestamp with time zone NOT NULL,
    replayed_at timestamp with time zone,
    batch_id bigint NOT NULL,
    occurred_on date GENERATED ALWAYS AS (((received_at AT TIME ZONE 'UTC'::text))::date) STORED NOT NULL
);
COMMENT ON TABLE public.event_quarantine IS 'Every message that could not be accepted, byte for byte';
COMMENT ON COLUMN public.event_quarantine.occurred_on IS 'The UTC day of received_at: what a refused message says of its own time may be wrong';
CREATE VIEW public.event_place AS
 SELECT 'inbox'::text AS place,
    event_key.stream,
    event_key.stream_seq,
    event_key.received_at
   FROM public.event_key
UNION ALL
 SELECT 'quarantine'::text AS place,
    event_quarantine.stream,
    event_quarantine.stream_seq,
    event_quarantine.received_at
   FROM public.event_quarantine
UNION ALL
 SELECT 'duplicate'::text AS place,
    event_duplicate.stream,
    event_duplicate.stream_seq,
    event_duplicate.received_at
   FROM public.event_duplicate;
ALTER TABLE public.event_quarantine ALTER COLUMN quarantine_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.event_quarantine_quarantine_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.flat_batch (
    table_name text NOT NULL,
    occurred_on date NOT NULL,
    batch_id bigint NOT NULL
);
CREATE TABLE public.flat_day (
    table_name text NOT NULL,
    occurred_on date NOT NULL,
    version bigint NOT NULL,
    row_count bigint NOT NULL,
    flattened_at timestamp with time zone NOT NULL,
    build bigint DEFAULT 1 NOT NULL
);
CREATE VIEW public.flat_expected AS
 SELECT kind.table_name,
    inbox.occurred_on,
    inbox.batch_id,
    inbox.event_id,
        CASE kind.table_name
            WHEN 'llm_flow_node'::text THEN jsonb_array_length(public.flow_parts(inbox.payload, 'node'::text))
            WHEN 'llm_flow_edge'::text THEN jsonb_array_length(public.flow_parts(inbox.payload, 'edge'::text))
            ELSE 1
        END AS items
   FROM (public.event_inbox inbox
     JOIN ( VALUES ('llm_chat'::text,'llm.chat.persist'::text), ('llm_tool_call'::text,'llm.tool_call'::text), ('llm_flow_node'::text,'llm.flow.lineage'::text), ('llm_flow_edge'::text,'llm.flow.lineage'::text), ('llm_request'::text,'llm.generation.request'::text), ('llm_request'::text,'llm.translation.request'::text), ('obsidian_semantic_search'::text,'obsidian.semantic_search'::text)) kind(table_name, subject) ON ((inbox.subject = kind.subject)));
CREATE TABLE public.llm_chat (
    event_id text NOT NULL,
    correlation_id text,
    causation_id text,
    source text,
    occurred_at timestamp with time zone NOT NULL,
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
    batch_id bigint NOT NULL
)
PARTITION BY RANGE (occurred_on);
CREATE TABLE public.llm_flow_edge (
    event_id text NOT NULL,
    item_no integer NOT NULL,
    correlation_id text,
    causation_id text,
    source text,
    occurred_at timestamp with time zone NOT NULL,
    occurred_on date NOT NULL,
    edge_id text,
    edge_type text,
    source_node_id text,
    target_node_id text,
    edge_occurred_at timestamp with time zone,
    batch_id bigint NOT NULL
)
PARTITION BY RANGE (occurred_on);
CREATE TABLE public.llm_flow_node (
    event_id text NOT NULL,
    item_no integer NOT NULL,
    correlation_id text,
    causation_id text,
    source text,
    occurred_at timestamp with time zone NOT NULL,
    occurred_on date NOT NULL,
    node_id text,
    node_type text,
    node_name text,
    slot text,
    request_model text,
    status text,
    started_at timestamp with time zone,
    ended_at timestamp with time zone,
    batch_id bigint NOT NULL
)
PARTITION BY RANGE (occurred_on);
CREATE TABLE public.llm_request (
    event_id text NOT NULL,
    correlation_id text,
    causation_id text,
    source text,
    occurred_at timestamp with time zone NOT NULL,
    occurred_on date NOT NULL,
    kind text NOT NULL,
    role text,
    priority text,
    source_language text,
    target_language text,
    request jsonb NOT NULL,
    batch_id bigint NOT NULL
)
PARTITION BY RANGE (occurred_on);
CREATE TABLE public.llm_tool_call (
    event_id text NOT NULL,
    correlation_id text,
    causation_id text,
    source text,
    occurred_at timestamp with time zone NOT NULL,
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
    batch_id bigint NOT NULL
)
PARTITION BY RANGE (occurred_on);
CREATE TABLE public.obsidian_semantic_search (
    event_id text NOT NULL,
    correlation_id text,
    causation_id text,
    source text,
    occurred_at timestamp with time zone NOT NULL,
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
    batch_id bigint NOT NULL
)
PARTITION BY RANGE (occurred_on);
CREATE VIEW public.flat_present AS
 SELECT 'llm_chat'::text AS table_name,
    llm_chat.occurred_on,
    llm_chat.event_id,
    1 AS item_no
   FROM public.llm_chat
UNION ALL
 SELECT 'llm_tool_call'::text AS table_name,
    llm_tool_call.occurred_on,
    llm_tool_call.event_id,
    1 AS item_no
   FROM public.llm_tool_call
UNION ALL
 SELECT 'llm_flow_node'::text AS table_name,
    llm_flow_node.occurred_on,
    llm_flow_node.event_id,
    llm_flow_node.item_no
   FROM public.llm_flow_node
UNION ALL
 SELECT 'llm_flow_edge'::text AS table_name,
    llm_flow_edge.occurred_on,
    llm_flow_edge.event_id,
    llm_flow_edge.item_no
   FROM public.llm_flow_edge
UNION ALL
 SELECT 'llm_request'::text AS table_name,
    llm_request.occurred_on,
    llm_request.event_id,
    1 AS item_no
   FROM public.llm_request
UNION ALL
 SELECT 'obsidian_semantic_search'::text AS table_name,
    obsidian_semantic_search.occurred_on,
    obsidian_semantic_search.event_id,
    1 AS item_no
   FROM public.obsidian_semantic_search;
CREATE TABLE public.inference_result (
    job_id text NOT NULL,
    recipe text NOT NULL,
    kind text NOT NULL,
    role text NOT NULL,
    slot text,
    status text NOT NULL,
    error_kind text,
    error text,
    attempts integer NOT NULL,
    occurred_on date NOT NULL,
    correlation_id text,
    source_event_id text,
    source_part text NOT NULL,
    request jsonb NOT NULL,
    request_model text,
    response_model text,
    provider_name text,
    licence text,
    response_text text,
    reasoning_text text,
    tool_calls jsonb,
    finish_reason text,
    input_tokens bigint,
    output_tokens bigint,
    cached_tokens bigint,
    queue_ms double precision,
    ttft_ms double precision,
    total_ms double precision,
    pp_tokens_per_s double precision,
    tg_tokens_per_s double precision,
    timing_source text,
    created_at timestamp with time zone NOT NULL,
    completed_at timestamp with time zone NOT NULL,
    landed_at timestamp with time zone DEFAULT now() NOT NULL,
    source_event_ids text[] DEFAULT '{}'::text[] NOT NULL,
    source_row jsonb,
    sent_back_text text,
    slot_parallel integer,
    slot_price_per_hour double precision,
    slot_watts double precision,
    CONSTRAINT inference_result_attempts_check CHECK ((attempts >= 0)),
    CONSTRAINT inference_result_check CHECK (((status = 'ok'::text) = (error_kind IS NULL))),
    CONSTRAINT inference_result_kind_check CHECK ((kind = ANY (ARRAY['generation'::text, 'translation'::text]))),
    CONSTRAINT inference_result_status_check CHECK ((status = ANY (ARRAY['ok'::text, 'rejected'::text, 'failed'::text]))),
    CONSTRAINT inference_result_timing_source_check CHECK ((timing_source = ANY (ARRAY['server'::text, 'client'::text])))
);
COMMENT ON TABLE public.inference_result IS 'Generations and translations: one row a job';
COMMENT ON COLUMN public.inference_result.job_id IS 'SHA-256 of recipe, source and request';
COMMENT ON COLUMN public.inference_result.occurred_on IS 'UTC day of the source event, not of the request';
COMMENT ON COLUMN public.inference_result.provider_name IS 'Runtime of the slot: vllm, llama.cpp, openai';
COMMENT ON COLUMN public.inference_result.licence IS 'Licence of the model that answered';
COMMENT ON COLUMN public.inference_result.queue_ms IS 'Wait inside the server, where it says so';
COMMENT ON COLUMN public.inference_result.ttft_ms IS 'Time to the first token; without the queue where timing_source is server';
COMMENT ON COLUMN public.inference_result.created_at IS 'When first asked, or given up unasked';
COMMENT ON COLUMN public.inference_result.source_event_ids IS 'Every event that the request was made from';
COMMENT ON COLUMN public.inference_result.source_row IS 'Those columns of the source row that the recipe keeps';
COMMENT ON COLUMN public.inference_result.sent_back_text IS 'The answer that was sent back for repair; tokens and times are then those of both answers';
COMMENT ON COLUMN public.inference_result.slot_parallel IS 'Requests that the slot works on at once, as the fleet file said when it answered';
COMMENT ON COLUMN public.inference_result.slot_price_per_hour IS 'Of the whole slot, in the currency of the fleet file, as it said then';
COMMENT ON COLUMN public.inference_result.slot_watts IS 'That the whole slot draws while it works, as the fleet file said then';
CREATE TABLE public.intake_batch (
    batch_id bigint NOT NULL,
    run_id text,
    stream text NOT NULL,
    first_seq bigint NOT NULL,
    last_seq bigint NOT NULL,
    messages integer NOT NULL,
    landed integer NOT NULL,
    duplicates integer NOT NULL,
    redelivered integer NOT NULL,
    quarantined integer NOT NULL,
    repaired integer NOT NULL,
    bytes bigint NOT NULL,
    landed_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);
COMMENT ON TABLE public.intake_batch IS 'The ledger: one row a committed batch, in its transaction';
ALTER TABLE public.intake_batch ALTER COLUMN batch_id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.intake_batch_batch_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.intake_batch_day (
    occurred_on date NOT NULL,
    batch_id bigint NOT NULL,
    events integer NOT NULL
);
CREATE TABLE public.intake_verified (
    stream text NOT NULL,
    stream_created timestamp with time zone NOT NULL,
    through_seq bigint NOT NULL,
    verified_at timestamp with time zone NOT NULL
);
CREATE VIEW public.lake_version AS
 SELECT 'event_inbox'::text AS table_name,
    intake_batch_day.occurred_on,
    (((count(*))::text || ':'::text) || (max(intake_batch_day.batch_id))::text) AS version
   FROM public.intake_batch_day
  GROUP BY intake_batch_day.occurred_on
UNION ALL
 SELECT flat_day.table_name,
    flat_day.occurred_on,
    (flat_day.version)::text AS version
   FROM public.flat_day
UNION ALL
 SELECT 'inference_result'::text AS table_name,
    inference_result.occurred_on,
    (((count(*))::text || ':'::text) || (max(inference_result.landed_at))::text) AS version
   FROM public.inference_result
  GROUP BY inference_result.occurred_on
UNION ALL
 SELECT 'event_quarantine'::text AS table_name,
    event_quarantine.occurred_on,
    (((((count(*))::text || ':'::text) || (max(event_quarantine.quarantine_id))::text) || ':'::text) || (count(event_quarantine.replayed_at))::text) AS version
   FROM public.event_quarantine
  GROUP BY event_quarantine.occurred_on
UNION ALL
 SELECT article.table_name,
    translation.occurred_on,
    (((count(*))::text || ':'::text) || (max(translation.translated_at))::text) AS version
   FROM (public.article_translation translation
     CROSS JOIN ( VALUES ('article_translation'::text), ('article_segment'::text)) article(table_name))
  GROUP BY article.table_name, translation.occurred_on;
CREATE VIEW public.lake_batch AS
 SELECT 'event_inbox'::text AS table_name,
    intake_batch_day.occurred_on,
    intake_batch_day.batch_id,
    (intake_batch_day.events)::bigint AS mark
   FROM public.intake_batch_day
UNION ALL
 SELECT flat_batch.table_name,
    flat_batch.occurred_on,
    flat_batch.batch_id,
    flat_day.build AS mark
   FROM (public.flat_batch
     JOIN public.flat_day ON (((flat_batch.table_name = flat_day.table_name) AND (flat_batch.occurred_on = flat_day.occurred_on))))
UNION ALL
 SELECT 'inference_result'::text AS table_name,
    inference_result.occurred_on,
    public.landed_batch(inference_result.landed_at) AS batch_id,
    count(*) AS mark
   FROM public.inference_result
  GROUP BY inference_result.occurred_on, (public.landed_batch(inference_result.landed_at))
UNION ALL
 SELECT lake_version.table_name,
    lake_version.occurred_on,
    0 AS batch_id,
    hashtextextended(lake_version.version, (0)::bigint) AS mark
   FROM public.lake_version
  WHERE (lake_version.table_name = ANY (ARRAY['event_quarantine'::text, 'article_translation'::text, 'article_segment'::text]));
CREATE TABLE public.llm_chat_p20260301 (
    event_id text CONSTRAINT llm_chat_event_id_not_null NOT NULL,
    correlation_id text,
    causation_id text,
    source text,
    occurred_at timestamp with time zone CONSTRAINT llm_chat_occurred_at_not_null NOT NULL,
    occurred_on date CONSTRAINT llm_chat_occurred_on_not_null NOT NULL,
    conversation_id text,
    slot text,
    role text,
    provider_name text,
    request_model text,
    response_model text,
    message_count integer CONSTRAINT llm_chat_message_count_not_null NOT NULL,
    user_text text,
    response_text text,
    reasoning_text text,
    tool_call_count integer CONSTRAINT llm_chat_tool_call_count_not_null NOT NULL,
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
    messages jsonb CONSTRAINT llm_chat_messages_not_null NOT NULL,
    tool_calls jsonb,
    tools jsonb,
    parameters jsonb,
    batch_id bigint CONSTRAINT llm_chat_batch_id_not_null NOT NULL
);
CREATE TABLE public.llm_flow_edge_p20260301 (
    event_id text CONSTRAINT llm_flow_edge_event_id_not_null NOT NULL,
    item_no integer CONSTRAINT llm_flow_edge_item_no_not_null NOT NULL,
    correlation_id text,
    causation_id text,
    source text,
    occurred_at timestamp with time zone CONSTRAINT llm_flow_edge_occurred_at_not_null NOT NULL,
    occurred_on date CONSTRAINT llm_flow_edge_occurred_on_not_null NOT NULL,
    edge_id text,
    edge_type text,
    source_node_id text,
    target_node_id text,
    edge_occurred_at timestamp with time zone,
    batch_id bigint CONSTRAINT llm_flow_edge_batch_id_not_null NOT NULL
);
CREATE TABLE public.llm_flow_node_p20260301 (
    event_id text CONSTRAINT llm_flow_node_event_id_not_null NOT NULL,
    item_no integer CONSTRAINT llm_flow_node_item_no_not_null NOT NULL,
    correlation_id text,
    causation_id text,
    source text,
    occurred_at timestamp with time zone CONSTRAINT llm_flow_node_occurred_at_not_null NOT NULL,
    occurred_on date CONSTRAINT llm_flow_node_occurred_on_not_null NOT NULL,
    node_id text,
    node_type text,
    node_name text,
    slot text,
    request_model text,
    status text,
    started_at timestamp with time zone,
    ended_at timestamp with time zone,
    batch_id bigint CONSTRAINT llm_flow_node_batch_id_not_null NOT NULL
);
CREATE TABLE public.llm_request_p20260301 (
    event_id text CONSTRAINT llm_request_event_id_not_null NOT NULL,
    correlation_id text,
    causation_id text,
    source text,
    occurred_at timestamp with time zone CONSTRAINT llm_request_occurred_at_not_null NOT NULL,
    occurred_on date CONSTRAINT llm_request_occurred_on_not_null NOT NULL,
    kind text CONSTRAINT llm_request_kind_not_null NOT NULL,
    role text,
    priority text,
    source_language text,
    target_language text,
    request jsonb CONSTRAINT llm_request_request_not_null NOT NULL,
    batch_id bigint CONSTRAINT llm_request_batch_id_not_null NOT NULL
);
CREATE TABLE public.llm_tool_call_p20260301 (
    event_id text CONSTRAINT llm_tool_call_event_id_not_null NOT NULL,
    correlation_id text,
    causation_id text,
    source text,
    occurred_at timestamp with time zone CONSTRAINT llm_tool_call_occurred_at_not_null NOT NULL,
    occurred_on date CONSTRAINT llm_tool_call_occurred_on_not_null NOT NULL,
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
    batch_id bigint CONSTRAINT llm_tool_call_batch_id_not_null NOT NULL
);
CREATE TABLE public.obsidian_semantic_search_p20260301 (
    event_id text CONSTRAINT obsidian_semantic_search_event_id_not_null NOT NULL,
    correlation_id text,
    causation_id text,
    source text,
    occurred_at timestamp with time zone CONSTRAINT obsidian_semantic_search_occurred_at_not_null NOT NULL,
    occurred_on date CONSTRAINT obsidian_semantic_search_occurred_on_not_null NOT NULL,
    query text,
    vault text,
    top_k bigint,
    embedding_model text,
    result_count integer CONSTRAINT obsidian_semantic_search_result_count_not_null NOT NULL,
    top_score double precision,
    mean_score double precision,
    duration_ms double precision,
    results jsonb CONSTRAINT obsidian_semantic_search_results_not_null NOT NULL,
    batch_id bigint CONSTRAINT obsidian_semantic_search_batch_id_not_null NOT NULL
);
CREATE TABLE public.request_reply (
    request_event_id text NOT NULL,
    occurred_on date NOT NULL,
    kind text NOT NULL,
    status text NOT NULL,
    replied_at timestamp with time zone DEFAULT now() NOT NULL
);
COMMENT ON TABLE public.request_reply IS 'Requests whose result has been published';
CREATE TABLE public.schema_migration (
    name text NOT NULL,
    digest text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE public.slot_benchmark (
    measured_at timestamp with time zone NOT NULL,
    slot text NOT NULL,
    model text NOT NULL,
    provider_name text NOT NULL,
    measure text NOT NULL,
    input_tokens bigint NOT NULL,
    at_once integer NOT NULL,
    requests integer NOT NULL,
    pp_tokens_per_s double precision,
    tg_tokens_per_s double precision,
    total_tokens_per_s double precision,
    ttft_ms double precision,
    timing_source text,
    wall_s double precision NOT NULL,
    CONSTRAINT slot_benchmark_measure_check CHECK ((measure = ANY (ARRAY['pp'::text, 'tg'::text])))
);
COMMENT ON COLUMN public.slot_benchmark.input_tokens IS 'Of each prompt, as the server counted (median)';
COMMENT ON COLUMN public.slot_benchmark.tg_tokens_per_s IS 'Of one request among those at once (median)';
COMMENT ON COLUMN public.slot_benchmark.total_tokens_per_s IS 'All tokens generated over the wall time';
CREATE TABLE public.translation_memory (
    memory_key text NOT NULL,
    source_language text NOT NULL,
    target_language text NOT NULL,
    models text NOT NULL,
    prompt_version text NOT NULL,
    glossary_version text NOT NULL,
    source_text text NOT NULL,
    translated_text text,
    is_fit boolean NOT NULL,
    is_cut_off boolean NOT NULL,
    findings text[] DEFAULT '{}'::text[] NOT NULL,
    tries integer NOT NULL,
    job_id text NOT NULL,
    model text,
    licence text,
    round_trip_text text,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT translation_memory_tries_check CHECK ((tries >= 1))
);
COMMENT ON TABLE public.translation_memory IS 'Segments that have been translated, or could not be';
COMMENT ON COLUMN public.translation_memory.memory_key IS 'SHA-256 of segment, languages, models, prompt format and version, glossary terms';
COMMENT ON COLUMN public.translation_memory.models IS 'Models that serve the translator role';
COMMENT ON COLUMN public.translation_memory.translated_text IS 'What the slot answered last, fit or not';
COMMENT ON COLUMN public.translation_memory.is_cut_off IS 'It is too long for a slot, and asked in parts';
COMMENT ON COLUMN public.translation_memory.round_trip_text IS 'The translation, translated back';
ALTER TABLE ONLY public.event_inbox ATTACH PARTITION public.event_inbox_p20260301 FOR VALUES FROM ('2026-03-01') TO ('2026-03-02');
ALTER TABLE ONLY public.event_inbox ATTACH PARTITION public.event_inbox_p20260302 FOR VALUES FROM ('2026-03-02') TO ('2026-03-03');
ALTER TABLE ONLY public.llm_chat ATTACH PARTITION public.llm_chat_p20260301 FOR VALUES FROM ('2026-03-01') TO ('2026-03-02');
ALTER TABLE ONLY public.llm_flow_edge ATTACH PARTITION public.llm_flow_edge_p20260301 FOR VALUES FROM ('2026-03-01') TO ('2026-03-02');
ALTER TABLE ONLY public.llm_flow_node ATTACH PARTITION public.llm_flow_node_p20260301 FOR VALUES FROM ('2026-03-01') TO ('2026-03-02');
ALTER TABLE ONLY public.llm_request ATTACH PARTITION public.llm_request_p20260301 FOR VALUES FROM ('2026-03-01') TO ('2026-03-02');
ALTER TABLE ONLY public.llm_tool_call ATTACH PARTITION public.llm_tool_call_p20260301 FOR VALUES FROM ('2026-03-01') TO ('2026-03-02');
ALTER TABLE ONLY public.obsidian_semantic_search ATTACH PARTITION public.obsidian_semantic_search_p20260301 FOR VALUES FROM ('2026-03-01') TO ('2026-03-02');
INSERT INTO public.archived_day VALUES
	('event_inbox', '2026-02-01', 1, '1:1', 1, '2026-02-20 02:30:00+00'),
	('llm_tool_call', '2026-02-01', 1, '1', 1, '2026-02-20 02:30:00+00');
INSERT INTO public.article_segment VALUES
	('2026-03-01', 'a.md', 'en', 1, 'body', 'paragraph', 1, '日本', 'Japan', 'ok', '{}', NULL, NULL, false, NULL, NULL, NULL, 0, 0, NULL);
INSERT INTO public.article_translation VALUES
	('2026-03-01', 'a.md', 'en', 'ja', 'published', '{}', 'a.en.md', NULL, NULL, NULL, NULL, NULL, 1, 1, 0, 0, 0, NULL, NULL, 0, 0, NULL, NULL, '2026-11-30 09:38:56.241758+00');
INSERT INTO public.event_duplicate VALUES
	('FOUNDRY', 8, '2026-11-30 09:38:55.405896+00', 'tool-1', 1);
INSERT INTO public.event_inbox_p20260301 VALUES
	('chat-1', 'llm.chat.persist', 'llm.chat.persist', 'test', 'session-1', NULL, '2026-03-01 12:00:00+00', '2026-11-30 09:38:55.405763+00', '2026-03-01', 'FOUNDRY', 1, '{"role": "chat", "slot": "naughty", "request": {"model": "m", "messages": [{"role": "user", "content": "日本 hello"}], "temperature": 0.5}, "response": {"model": "m", "usage": {"prompt_tokens": 3, "completion_tokens": 2}, "choices": [{"message": {"role": "assistant", "content": "answer"}, "finish_reason": "stop"}]}, "conversation_id": "c1"}', false, 1),
	('tool-1', 'llm.tool_call', 'llm.tool_call', 'test', 'session-1', NULL, '2026-03-01 12:00:00+00', '2026-11-30 09:38:55.405868+00', '2026-03-01', 'FOUNDRY', 2, '{"arguments": "{\"q\": 1}", "tool_name": "search"}', false, 1),
	('flow-1', 'llm.flow.lineage', 'llm.flow.lineage', 'test', 'session-1', NULL, '2026-03-01 12:00:00+00', '2026-11-30 09:38:55.405876+00', '2026-03-01', 'FOUNDRY', 3, '{"edges": [{"source": "n1", "target": "n2", "edge_id": "e1"}], "nodes": [{"kind": "node", "node_id": "n1"}, {"node_id": "n2"}]}', false, 1),
	('search-1', 'obsidian.semantic_search', 'obsidian.semantic_search', 'test', 'session-1', NULL, '2026-03-01 12:00:00+00', '2026-11-30 09:38:55.405882+00', '2026-03-01', 'FOUNDRY', 4, '{"query": "gpu", "results": [{"score": 0.5}]}', false, 1),
	('request-1', 'llm.generation.request', 'llm.generation.request', 'test', 'session-1', NULL, '2026-03-01 12:00:00+00', '2026-11-30 09:38:55.405886+00', '2026-03-01', 'FOUNDRY', 5, '{"prompt": "say"}', false, 1);
INSERT INTO public.event_inbox_p20260302 VALUES
	('tool-2', 'llm.tool_call', 'llm.tool_call', 'test', 'session-1', NULL, '2026-03-02 12:00:00+00', '2026-11-30 09:38:55.405889+00', '2026-03-02', 'FOUNDRY', 6, '{"tool_name": "late"}', false, 1);
INSERT INTO public.event_key VALUES
	('chat-1', '2026-03-01', 'FOUNDRY', 1, '2026-11-30 09:38:55.405763+00'),
	('flow-1', '2026-03-01', 'FOUNDRY', 3, '2026-11-30 09:38:55.405876+00'),
	('request-1', '2026-03-01', 'FOUNDRY', 5, '2026-11-30 09:38:55.405886+00'),
	('search-1', '2026-03-01', 'FOUNDRY', 4, '2026-11-30 09:38:55.405882+00'),
	('tool-1', '2026-03-01', 'FOUNDRY', 2, '2026-11-30 09:38:55.405868+00'),
	('tool-2', '2026-03-02', 'FOUNDRY', 6, '2026-11-30 09:38:55.405889+00'),
	('dropped-1', '2026-02-01', 'FOUNDRY', 9000, '2026-02-01 12:00:00+00');
INSERT INTO public.event_quarantine OVERRIDING SYSTEM VALUE VALUES
	(1, 'llm.tool_call', 'FOUNDRY', 7, 'not_json', 'JSON is malformed: invalid character (byte 4)', '\x6e6f74206a736f6e', NULL, '2026-11-30 09:38:55.405893+00', NULL, 1, DEFAULT);
INSERT INTO public.flat_batch VALUES
	('llm_chat', '2026-03-01', 1),
	('llm_flow_edge', '2026-03-01', 1),
	('llm_flow_node', '2026-03-01', 1),
	('llm_request', '2026-03-01', 1),
	('llm_tool_call', '2026-03-01', 1),
	('obsidian_semantic_search', '2026-03-01', 1),
	('llm_tool_call', '2026-02-01', 1);
INSERT INTO public.flat_day VALUES
	('llm_chat', '2026-03-01', 1, 1, '2026-11-30 09:38:55.669278+00', 1),
	('llm_flow_edge', '2026-03-01', 1, 1, '2026-11-30 09:38:55.806936+00', 1),
	('llm_flow_node', '2026-03-01', 1, 2, '2026-11-30 09:38:55.887447+00', 1),
	('llm_request', '2026-03-01', 1, 1, '2026-11-30 09:38:55.990576+00', 1),
	('llm_tool_call', '2026-03-01', 1, 1, '2026-11-30 09:38:56.057257+00', 1),
	('obsidian_semantic_search', '2026-03-01', 1, 1, '2026-11-30 09:38:56.11573+00', 1),
	('llm_tool_call', '2026-02-01', 1, 1, '2026-02-20 02:30:00+00', 1);
INSERT INTO public.inference_result VALUES
	('job-1', 'follow_up', 'generation', 'generator', 'naughty', 'ok', NULL, NULL, 1, '2026-03-01', 'session-1', 'chat-1', '', '{"messages": []}', NULL, NULL, NULL, NULL, 'yes', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-03-01 13:00:00+00', '2026-03-01 13:00:00+00', '2026-03-01 13:00:00+00', '{chat-1}', '{"a": 1}', NULL, 2, NULL, NULL);
INSERT INTO public.intake_batch VALUES
	(1, NULL, 'FOUNDRY', 1, 8, 8, 6, 1, 0, 1, 0, 1758, '2026-11-30 09:38:55.612463+00');
INSERT INTO public.intake_batch_day VALUES
	('2026-03-01', 1, 5),
	('2026-03-02', 1, 1),
	('2026-02-01', 1, 1);
INSERT INTO public.intake_verified VALUES
	('FOUNDRY', '2026-11-30 09:38:55.401633+00', 8, '2026-11-30 09:38:56.182024+00');
INSERT INTO public.llm_chat_p20260301 VALUES
	('chat-1', 'session-1', NULL, 'test', '2026-03-01 12:00:00+00', '2026-03-01', NULL, 'naughty', 'chat', NULL, 'm', 'm', 1, '日本 hello', 'answer', NULL, 0, 'stop', 3, 2, NULL, NULL, NULL, NULL, NULL, 0.5, NULL, '[{"role": "user", "content": "日本 hello"}]', NULL, NULL, '{"model": "m", "temperature": 0.5}', 1);
INSERT INTO public.llm_flow_edge_p20260301 VALUES
	('flow-1', 1, 'session-1', NULL, 'test', '2026-03-01 12:00:00+00', '2026-03-01', 'e1', NULL, 'n1', 'n2', NULL, 1);
INSERT INTO public.llm_flow_node_p20260301 VALUES
	('flow-1', 1, 'session-1', NULL, 'test', '2026-03-01 12:00:00+00', '2026-03-01', 'n1', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1),
	('flow-1', 2, 'session-1', NULL, 'test', '2026-03-01 12:00:00+00', '2026-03-01', 'n2', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1);
INSERT INTO public.llm_request_p20260301 VALUES
	('request-1', 'session-1', NULL, 'test', '2026-03-01 12:00:00+00', '2026-03-01', 'generation', NULL, NULL, NULL, NULL, '{"prompt": "say"}', 1);
INSERT INTO public.llm_tool_call_p20260301 VALUES
	('tool-1', 'session-1', NULL, 'test', '2026-03-01 12:00:00+00', '2026-03-01', NULL, 'search', NULL, NULL, NULL, NULL, NULL, NULL, '{"q": 1}', NULL, 1);
INSERT INTO public.obsidian_semantic_search_p20260301 VALUES
	('search-1', 'session-1', NULL, 'test', '2026-03-01 12:00:00+00', '2026-03-01', 'gpu', NULL, NULL, NULL, 1, 0.5, 0.5, NULL, '[{"score": 0.5}]', 1);
INSERT INTO public.request_reply VALUES
	('request-0', '2026-03-01', 'generation', 'ok', '2026-11-30 09:38:56.241758+00');
INSERT INTO public.schema_migration VALUES
	('0001_intake', 'eb0765edea6022c659e742cf64684c3edb70da445a0e69d6ed89a4d5464a1efa', '2026-11-30 09:38:55.016095+00'),
	('0002_flat_tables', 'ce4ad1ce804acfea2c9293695edf43d499eb21cf9e3214ea15e8edba14d544a0', '2026-11-30 09:38:55.016095+00'),
	('0003_inference', '14bb46f7da551d8d8cdc22e2f4691a5cd2d644f9bea82143325f2c9ec357b3d6', '2026-11-30 09:38:55.016095+00'),
	('0004_lake', 'c355f87acf1a5dcadfc9bf7601bed7a0ed1dfb90891b7a0e3c6c705e0b208414', '2026-11-30 09:38:55.016095+00'),
	('0005_retention', '90f5f30dc0240824e02b6cd8a3cfb229270ae66d34bc2ebc6cd58be5552cd751', '2026-11-30 09:38:55.016095+00'),
	('0008_requests', '10f98234ce32fce6609ac937a36a0d08daf7d70f06d42cd1d32c41ece3319521', '2026-11-30 09:38:55.016095+00'),
	('0009_slot_benchmark', '97eb5801e4538f45897317a42458f303f4e0685a008f55c367970276e038e242', '2026-11-30 09:38:55.016095+00'),
	('0010_recipes', '8088bf207b87c233f6b874ac4cddfd07aa37e0ff4b4a99f5d7bb88631ba7ce77', '2026-11-30 09:38:55.016095+00'),
	('0011_articles', '9f04228e3066f4336cae4c151c010382fdd8dd889113f82f0e77631aa411354c', '2026-11-30 09:38:55.016095+00'),
	('0012_lake_batches', 'f86affcf0bacfdacd049349c4c9a77c1518f1c118a1be397c38e98cf0a7e38e7', '2026-11-30 09:38:55.016095+00'),
	('0013_summaries', '9e129a04990fd9fa358c8e6ccb951b85a77d624e6b053ad21765d9eba8453e5d', '2026-11-30 09:38:55.016095+00'),
	('0015_exporter', '89d0bfc33d32b4122e6c3df6099cf42a02a86ea70d12f149bec8e247cdf3c980', '2026-11-30 09:38:55.016095+00'),
	('0016_lake_days', '03a57a1daca220485097a70e8bac3f48aa8c00e4a1b85312f1e5487e5c738ffe', '2026-11-30 09:38:55.016095+00');
INSERT INTO public.slot_benchmark VALUES
	('2026-03-01 12:00:00+00', 'naughty', 'm', 'vllm', 'tg', 128, 1, 1, NULL, NULL, NULL, NULL, NULL, 0.5);
INSERT INTO public.translation_memory VALUES
	('k', 'ja', 'en', 'm', '1', '1', '日本', 'Japan', true, false, '{}', 1, 'job-1', NULL, NULL, NULL, '2026-11-30 09:38:56.241758+00');
SELECT pg_catalog.setval('public.event_quarantine_quarantine_id_seq', 1, true);
SELECT pg_catalog.setval('public.intake_batch_batch_id_seq', 1, true);
ALTER TABLE ONLY public.archived_day
    ADD CONSTRAINT archived_day_pkey PRIMARY KEY (table_name, occurred_on, archive_no);
ALTER TABLE ONLY public.article_segment
    ADD CONSTRAINT article_segment_pkey PRIMARY KEY (occurred_on, article, target_language, segment_no);
ALTER TABLE ONLY public.article_translation
    ADD CONSTRAINT article_translation_pkey PRIMARY KEY (occurred_on, article, target_language);
ALTER TABLE ONLY public.event_duplicate
    ADD CONSTRAINT event_duplicate_pkey PRIMARY KEY (stream, stream_seq, received_at);
ALTER TABLE ONLY public.event_key
    ADD CONSTRAINT event_key_pkey PRIMARY KEY (event_id);
ALTER TABLE ONLY public.event_quarantine
    ADD CONSTRAINT event_quarantine_pkey PRIMARY KEY (quarantine_id);
ALTER TABLE ONLY public.event_quarantine
    ADD CONSTRAINT event_quarantine_stream_stream_seq_received_at_key UNIQUE (stream, stream_seq, received_at);
ALTER TABLE ONLY public.flat_batch
    ADD CONSTRAINT flat_batch_pkey PRIMARY KEY (table_name, occurred_on, batch_id);
ALTER TABLE ONLY public.flat_day
    ADD CONSTRAINT flat_day_pkey PRIMARY KEY (table_name, occurred_on);
ALTER TABLE ONLY public.inference_result
    ADD CONSTRAINT inference_result_pkey PRIMARY KEY (job_id);
ALTER TABLE ONLY public.intake_batch_day
    ADD CONSTRAINT intake_batch_day_pkey PRIMARY KEY (occurred_on, batch_id);
ALTER TABLE ONLY public.intake_batch
    ADD CONSTRAINT intake_batch_pkey PRIMARY KEY (batch_id);
ALTER TABLE ONLY public.intake_verified
    ADD CONSTRAINT intake_verified_pkey PRIMARY KEY (stream, stream_created);
ALTER TABLE ONLY public.llm_chat
    ADD CONSTRAINT llm_chat_pkey PRIMARY KEY (occurred_on, event_id);
ALTER TABLE ONLY public.llm_chat_p20260301
    ADD CONSTRAINT llm_chat_p20260301_pkey PRIMARY KEY (occurred_on, event_id);
ALTER TABLE ONLY public.llm_flow_edge
    ADD CONSTRAINT llm_flow_edge_pkey PRIMARY KEY (occurred_on, event_id, item_no);
ALTER TABLE ONLY public.llm_flow_edge_p20260301
    ADD CONSTRAINT llm_flow_edge_p20260301_pkey PRIMARY KEY (occurred_on, event_id, item_no);
ALTER TABLE ONLY public.llm_flow_node
    ADD CONSTRAINT llm_flow_node_pkey PRIMARY KEY (occurred_on, event_id, item_no);
ALTER TABLE ONLY public.llm_flow_node_p20260301
    ADD CONSTRAINT llm_flow_node_p20260301_pkey PRIMARY KEY (occurred_on, event_id, item_no);
ALTER TABLE ONLY public.llm_request
    ADD CONSTRAINT llm_request_pkey PRIMARY KEY (occurred_on, event_id);
ALTER TABLE ONLY public.llm_request_p20260301
    ADD CONSTRAINT llm_request_p20260301_pkey PRIMARY KEY (occurred_on, event_id);
ALTER TABLE ONLY public.llm_tool_call
    ADD CONSTRAINT llm_tool_call_pkey PRIMARY KEY (occurred_on, event_id);
ALTER TABLE ONLY public.llm_tool_call_p20260301
    ADD CONSTRAINT llm_tool_call_p20260301_pkey PRIMARY KEY (occurred_on, event_id);
ALTER TABLE ONLY public.obsidian_semantic_search
    ADD CONSTRAINT obsidian_semantic_search_pkey PRIMARY KEY (occurred_on, event_id);
ALTER TABLE ONLY public.obsidian_semantic_search_p20260301
    ADD CONSTRAINT obsidian_semantic_search_p20260301_pkey PRIMARY KEY (occurred_on, event_id);
ALTER TABLE ONLY public.request_reply
    ADD CONSTRAINT request_reply_pkey PRIMARY KEY (request_event_id);
ALTER TABLE ONLY public.schema_migration
    ADD CONSTRAINT schema_migration_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public.slot_benchmark
    ADD CONSTRAINT slot_benchmark_pkey PRIMARY KEY (measured_at, slot, measure, input_tokens, at_once);
ALTER TABLE ONLY public.translation_memory
    ADD CONSTRAINT translation_memory_pkey PRIMARY KEY (memory_key);
CREATE INDEX article_translation_latest ON public.article_translation USING btree (article, target_language, translated_at DESC);
CREATE INDEX event_inbox_batch ON ONLY public.event_inbox USING brin (batch_id) WITH (pages_per_range='32', autosummarize='on');
CREATE INDEX event_inbox_p20260301_batch_id_idx ON public.event_inbox_p20260301 USING brin (batch_id) WITH (pages_per_range='32', autosummarize='on');
CREATE INDEX event_inbox_p20260302_batch_id_idx ON public.event_inbox_p20260302 USING brin (batch_id) WITH (pages_per_range='32', autosummarize='on');
CREATE INDEX event_key_stretch ON public.event_key USING brin (stream_seq) WITH (pages_per_range='32', autosummarize='on');
CREATE INDEX event_quarantine_day ON public.event_quarantine USING btree (occurred_on);
CREATE INDEX event_quarantine_open ON public.event_quarantine USING btree (reason) WHERE (replayed_at IS NULL);
CREATE INDEX inference_result_correlation ON public.inference_result USING hash (correlation_id);
CREATE INDEX inference_result_day ON public.inference_result USING btree (occurred_on);
CREATE INDEX inference_result_landed ON public.inference_result USING btree (landed_at);
CREATE INDEX inference_result_recipe_day ON public.inference_result USING btree (recipe, occurred_on);
CREATE INDEX intake_batch_landed ON public.intake_batch USING btree (landed_at);
CREATE INDEX llm_chat_batch ON ONLY public.llm_chat USING brin (batch_id) WITH (pages_per_range='32', autosummarize='on');
CREATE INDEX llm_chat_correlation ON ONLY public.llm_chat USING btree (correlation_id);
CREATE INDEX llm_chat_p20260301_batch_id_idx ON public.llm_chat_p20260301 USING brin (batch_id) WITH (pages_per_range='32', autosummarize='on');
CREATE INDEX llm_chat_p20260301_correlation_id_idx ON public.llm_chat_p20260301 USING btree (correlation_id);
CREATE INDEX llm_flow_edge_batch ON ONLY public.llm_flow_edge USING brin (batch_id) WITH (pages_per_range='32', autosummarize='on');
CREATE INDEX llm_flow_edge_correlation ON ONLY public.llm_flow_edge USING btree (correlation_id);
CREATE INDEX llm_flow_edge_p20260301_batch_id_idx ON public.llm_flow_edge_p20260301 USING brin (batch_id) WITH (pages_per_range='32', autosummarize='on');
CREATE INDEX llm_flow_edge_p20260301_correlation_id_idx ON public.llm_flow_edge_p20260301 USING btree (correlation_id);
CREATE INDEX llm_flow_node_batch ON ONLY public.llm_flow_node USING brin (batch_id) WITH (pages_per_range='32', autosummarize='on');
CREATE INDEX llm_flow_node_correlation ON ONLY public.llm_flow_node USING btree (correlation_id);
CREATE INDEX llm_flow_node_p20260301_batch_id_idx ON public.llm_flow_node_p20260301 USING brin (batch_id) WITH (pages_per_range='32', autosummarize='on');
CREATE INDEX llm_flow_node_p20260301_correlation_id_idx ON public.llm_flow_node_p20260301 USING btree (correlation_id);
CREATE INDEX llm_request_batch ON ONLY public.llm_request USING brin (batch_id) WITH (pages_per_range='32', autosummarize='on');
CREATE INDEX llm_request_correlation ON ONLY public.llm_request USING btree (correlation_id);
CREATE INDEX llm_request_p20260301_batch_id_idx ON public.llm_request_p20260301 USING brin (batch_id) WITH (pages_per_range='32', autosummarize='on');
CREATE INDEX llm_request_p20260301_correlation_id_idx ON public.llm_request_p20260301 USING btree (correlation_id);
CREATE INDEX llm_tool_call_batch ON ONLY public.llm_tool_call USING brin (batch_id) WITH (pages_per_range='32', autosummarize='on');
CREATE INDEX llm_tool_call_correlation ON ONLY public.llm_tool_call USING btree (correlation_id);
CREATE INDEX llm_tool_call_p20260301_batch_id_idx ON public.llm_tool_call_p20260301 USING brin (batch_id) WITH (pages_per_range='32', autosummarize='on');
CREATE INDEX llm_tool_call_p20260301_correlation_id_idx ON public.llm_tool_call_p20260301 USING btree (correlation_id);
CREATE INDEX obsidian_semantic_search_batch ON ONLY public.obsidian_semantic_search USING brin (batch_id) WITH (pages_per_range='32', autosummarize='on');
CREATE INDEX obsidian_semantic_search_correlation ON ONLY public.obsidian_semantic_search USING btree (correlation_id);
CREATE INDEX obsidian_semantic_search_p20260301_batch_id_idx ON public.obsidian_semantic_search_p20260301 USING brin (batch_id) WITH (pages_per_range='32', autosummarize='on');
CREATE INDEX obsidian_semantic_search_p20260301_correlation_id_idx ON public.obsidian_semantic_search_p20260301 USING btree (correlation_id);
ALTER INDEX public.event_inbox_batch ATTACH PARTITION public.event_inbox_p20260301_batch_id_idx;
ALTER INDEX public.event_inbox_batch ATTACH PARTITION public.event_inbox_p20260302_batch_id_idx;
ALTER INDEX public.llm_chat_batch ATTACH PARTITION public.llm_chat_p20260301_batch_id_idx;
ALTER INDEX public.llm_chat_correlation ATTACH PARTITION public.llm_chat_p20260301_correlation_id_idx;
ALTER INDEX public.llm_chat_pkey ATTACH PARTITION public.llm_chat_p20260301_pkey;
ALTER INDEX public.llm_flow_edge_batch ATTACH PARTITION public.llm_flow_edge_p20260301_batch_id_idx;
ALTER INDEX public.llm_flow_edge_correlation ATTACH PARTITION public.llm_flow_edge_p20260301_correlation_id_idx;
ALTER INDEX public.llm_flow_edge_pkey ATTACH PARTITION public.llm_flow_edge_p20260301_pkey;
ALTER INDEX public.llm_flow_node_batch ATTACH PARTITION public.llm_flow_node_p20260301_batch_id_idx;
ALTER INDEX public.llm_flow_node_correlation ATTACH PARTITION public.llm_flow_node_p20260301_correlation_id_idx;
ALTER INDEX public.llm_flow_node_pkey ATTACH PARTITION public.llm_flow_node_p20260301_pkey;
ALTER INDEX public.llm_request_batch ATTACH PARTITION public.llm_request_p20260301_batch_id_idx;
ALTER INDEX public.llm_request_correlation ATTACH PARTITION public.llm_request_p20260301_correlation_id_idx;
ALTER INDEX public.llm_request_pkey ATTACH PARTITION public.llm_request_p20260301_pkey;
ALTER INDEX public.llm_tool_call_batch ATTACH PARTITION public.llm_tool_call_p20260301_batch_id_idx;
ALTER INDEX public.llm_tool_call_correlation ATTACH PARTITION public.llm_tool_call_p20260301_correlation_id_idx;
ALTER INDEX public.llm_tool_call_pkey ATTACH PARTITION public.llm_tool_call_p20260301_pkey;
ALTER INDEX public.obsidian_semantic_search_batch ATTACH PARTITION public.obsidian_semantic_search_p20260301_batch_id_idx;
ALTER INDEX public.obsidian_semantic_search_correlation ATTACH PARTITION public.obsidian_semantic_search_p20260301_correlation_id_idx;
ALTER INDEX public.obsidian_semantic_search_pkey ATTACH PARTITION public.obsidian_semantic_search_p20260301_pkey;
ALTER TABLE ONLY public.article_segment
    ADD CONSTRAINT article_segment_occurred_on_article_target_language_fkey FOREIGN KEY (occurred_on, article, target_language) REFERENCES public.article_translation(occurred_on, article, target_language) ON DELETE CASCADE;
