-- Chats of the day that a worker ended by itself, in text and without tools.
SELECT
    event_id AS source_event_id,
    '' AS source_part,
    correlation_id,
    messages,
    response_text AS rejected_text,
    slot AS rejected_slot,
    coalesce(response_model, request_model) AS rejected_model
FROM llm_chat
WHERE
    occurred_on = %(day)s
    AND choice_no = 0
    AND finish_reason = 'stop'
    AND response_text <> ''
    AND coalesce(role, 'worker') = 'worker'
    AND tool_call_count = 0
    AND jsonb_array_length(array_or_empty(tools)) = 0
    AND messages -> -1 ->> 'role' = 'user'
    -- Nothing but text, and short enough for any slot.
    AND NOT jsonb_path_exists(messages, '$[*] ? (@.role == "tool")')
    AND NOT jsonb_path_exists(messages, '$[*].content[*] ? (@.type != "text")')
    AND octet_length(messages::text) <= 8000
    AND json_depth(messages::text) <= 64
ORDER BY occurred_at, event_id;
