-- Chats of the day that ended by themselves, with something said on both sides.
SELECT
    event_id AS source_event_id,
    '' AS source_part,
    correlation_id,
    left(user_text, 2000) AS user_text,
    left(response_text, 2000) AS response_text
FROM llm_chat
WHERE
    occurred_on = %(day)s
    AND choice_no = 0
    AND finish_reason = 'stop'
    AND user_text <> ''
    AND response_text <> ''
ORDER BY occurred_at, event_id;
