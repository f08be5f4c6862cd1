-- Japanese questions of the day. The first three columns say where a row comes from.
SELECT
    event_id AS source_event_id,
    'user' AS source_part,
    correlation_id,
    user_text AS text
FROM llm_chat
WHERE
    occurred_on = %(day)s
    AND choice_no = 0
    AND user_text ~ '[ぁ-ゖァ-ヺ]'
ORDER BY occurred_at, event_id;
