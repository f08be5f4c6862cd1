-- One row per llm.tool_call event of a day.
INSERT INTO llm_tool_call (
    event_id, correlation_id, causation_id, source, occurred_at, occurred_on,
    tool_call_id, tool_name, is_error, error_type, duration_ms, slot, request_model, chat_event_id,
    arguments, result, batch_id
)
SELECT
    event_id,
    correlation_id,
    causation_id,
    source,
    occurred_at,
    occurred_on,
    json_text(payload -> 'tool_call_id'),
    json_text(payload -> 'tool_name'),
    json_boolean(payload -> 'is_error'),
    json_text(payload -> 'error_type'),
    json_float(payload -> 'duration_ms'),
    json_text(payload -> 'slot'),
    json_text(payload -> 'model'),
    json_text(payload -> 'chat_event_id'),
    json_unwrapped(payload -> 'arguments'),
    payload -> 'result',
    batch_id
FROM event_inbox
WHERE
    occurred_on = %(day)s
    AND subject = 'llm.tool_call'
    AND batch_id = any(%(batches)s)
    AND (%(events)s::text[] IS NULL OR event_id = any(%(events)s));
