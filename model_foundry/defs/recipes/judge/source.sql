-- Chats of the day that ended by themselves, in text, with something said on both sides.
SELECT
    event_id AS source_event_id,
    '' AS source_part,
    correlation_id,
    slot AS judged_slot,
    coalesce(response_model, request_model) AS judged_model,
    left(user_text, 2000) AS user_text,
    left(response_text, 2000) AS response_text
FROM llm_chat
WHERE
    occurred_on = %(day)s
    AND choice_no = 0
    AND finish_reason = 'stop'
    AND user_text <> ''
    AND response_text <> ''
    AND tool_call_count = 0
    AND role IS DISTINCT FROM 'translator'
ORDER BY occurred_at, event_id;
