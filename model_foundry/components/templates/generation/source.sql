-- What users said on the day. The first three columns say where a row comes from.
SELECT
    event_id AS source_event_id,
    '' AS source_part,
    correlation_id,
    left(user_text, 1000) AS user_text
FROM llm_chat
WHERE
    occurred_on = %(day)s
    AND choice_no = 0
    AND user_text <> ''
ORDER BY occurred_at, event_id;
