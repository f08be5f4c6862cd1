-- Texts of the day in which a Japanese kana stands: what the user said, and what was answered.
WITH side AS (
    SELECT
        event_id,
        correlation_id,
        occurred_at,
        unnest(ARRAY['user', 'assistant']) AS source_part,
        unnest(ARRAY[user_text, response_text]) AS source_text
    FROM llm_chat
    WHERE occurred_on = %(day)s AND choice_no = 0
)

SELECT
    event_id AS source_event_id,
    source_part,
    correlation_id,
    source_text AS text
FROM side
WHERE source_text ~ '[ぁ-ゖァ-ヺ]'
ORDER BY occurred_at, event_id, source_part;
