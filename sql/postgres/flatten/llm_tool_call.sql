-- One row per llm.tool_call event of a day, whichever family the call and its result are of.
INSERT INTO llm_tool_call (
    event_id, correlation_id, causation_id, source, occurred_at, occurred_on, batch_id, shape,
    tool_call_id, tool_name, is_error, error_type, duration_ms, slot, request_model, chat_event_id,
    arguments, result
)
SELECT
    event.event_id,
    event.correlation_id,
    event.causation_id,
    event.source,
    event.occurred_at,
    event.occurred_on,
    event.batch_id,
    CASE
        WHEN
            said.tool_name IS NULL AND said.arguments IS NULL AND said.result IS NULL
            AND said.tool_call_id IS NULL
            THEN 'unknown'
        ELSE recognized.shape
    END,
    json_text(said.tool_call_id),
    json_text(said.tool_name),
    coalesce(
        json_boolean(said.is_error),
        CASE json_text(said.is_error) WHEN '1' THEN TRUE WHEN '0' THEN FALSE END
    ),
    json_text(said.error_type),
    json_float(said.duration_ms),
    json_text(event.p -> 'slot'),
    json_text(json_first(event.p -> 'model', event.p -> 'request_model')),
    json_text(event.p -> 'chat_event_id'),
    json_unwrapped(said.arguments),
    said.result
FROM (
    SELECT
        told.*,
        CASE
            WHEN told.body ? 'tool_name' THEN told.body
            WHEN
                told.body
                ?| '{resourceSpans,resource_spans,resourceLogs,resource_logs}'::text[]
                THEN json_ready(coalesce(otlp_one(told.body, TRUE), told.body))
            ELSE json_ready(told.body)
        END AS p
    FROM (
        SELECT
            inbox.event_id,
            inbox.correlation_id,
            inbox.causation_id,
            inbox.source,
            inbox.occurred_at,
            inbox.occurred_on,
            inbox.batch_id,
            json_present(event_payload(inbox.payload)) AS body
        FROM event_inbox AS inbox
        WHERE
            inbox.occurred_on = %(day)s
            AND inbox.subject = 'llm.tool_call'
            AND inbox.batch_id = any(%(batches)s)
            AND (%(events)s::text[] IS NULL OR inbox.event_id = any(%(events)s))
        OFFSET 0 -- what is computed here, and in those below, is computed once
    ) AS told
    OFFSET 0
) AS event
CROSS JOIN LATERAL (
    SELECT
        CASE
            WHEN
                event.p ?| '{method,params,jsonrpc}'::text[] AND NOT event.p ? 'tool_name'
                OR jsonb_typeof(event.p #> '{request,params}') = 'object'
                OR event.p #> '{result,isError}' IS NOT NULL
                OR event.p ? 'isError'
                OR event.p ?| '{request,call,result,output}'::text[]
                AND NOT event.p ? 'tool_name'
                AND (
                    json_opened(event.p -> 'request') ? 'params'
                    OR json_opened(event.p -> 'call') ? 'params'
                    OR json_opened(event.p -> 'result') ? 'isError'
                    OR json_opened(event.p -> 'output') ? 'isError'
                )
                THEN 'mcp'
            WHEN
                event.p ?| '{functionCall,functionResponse,function_response}'::text[]
                OR json_opened(event.p -> 'call') ? 'functionCall'
                THEN 'gemini'
            WHEN
                event.p ?| '{toolUse,toolResult,toolUseId}'::text[]
                OR json_opened(event.p -> 'call') ?| '{toolUse,toolUseId}'::text[]
                THEN 'bedrock'
            WHEN
                event.p ?| '{tool_use,tool_result,tool_use_id}'::text[]
                OR event.p ->> 'type' IN ('tool_use', 'tool_result')
                OR event.p #>> '{call,type}' = 'tool_use'
                THEN 'anthropic'
            WHEN event.p ?| '{gen_ai.tool.name,gen_ai.tool.call.id}'::text[] THEN 'opentelemetry'
            WHEN
                event.p ?| '{attributes,gen_ai}'::text[]
                AND otel_attributes(event.p)::text LIKE '%%"gen_ai.tool.%%'
                THEN 'opentelemetry'
            WHEN
                event.p ?| '{
                    function,function_call,tool_call,tool_calls,call,call_id,custom
                }'::text[]
                OR event.p ->> 'type' IN ('function', 'function_call', 'custom_tool_call', 'custom')
                OR event.p ->> 'role' = 'tool'
                THEN 'openai'
            ELSE 'familiar'
        END AS shape
    OFFSET 0
) AS recognized
CROSS JOIN LATERAL (
    %(readings)s
) AS reading
CROSS JOIN LATERAL (
    SELECT
        json_first(
            nullif(event.p -> 'tool_call_id', '""'::jsonb), reading.tool_call_id,
            event.p -> 'toolCallId'
        ) AS tool_call_id,
        json_first(
            nullif(event.p -> 'tool_name', '""'::jsonb), reading.tool_name,
            json_first(
                event.p -> 'toolName',
                CASE jsonb_typeof(event.p -> 'tool') WHEN 'string' THEN event.p -> 'tool' END
            )
        ) AS tool_name,
        -- Other names for the same, where the family has none of its own.
        json_first(
            reading.arguments, event.p -> 'arguments',
            json_first(
                event.p -> 'args', event.p -> 'tool_input', event.p -> 'parameters',
                event.p -> 'tool_args'
            )
        ) AS arguments,
        json_first(
            reading.result, event.p -> 'result',
            json_first(
                event.p -> 'tool_response', event.p -> 'tool_output', event.p -> 'observation'
            )
        ) AS result,
        json_first(event.p -> 'is_error', reading.is_error) AS is_error,
        json_first(
            event.p -> 'error_type', reading.error_type,
            json_first(event.p #> '{error,type}', event.p #> '{error,code}')
        ) AS error_type,
        json_first(
            event.p -> 'duration_ms', reading.duration_ms, event.p -> 'latency_ms'
        ) AS duration_ms
    OFFSET 0
) AS said;

-- A SELECT without FROM that has an OFFSET is beyond the linter.
-- sqlfluff:ignore:parsing
-- sqlfluff:exclude_rules:ST06,RF04,RF02,AL03,AL05,AL07,ST10,ST05,AM09,LT02
