-- English answers of the day: Latin words in them, and nothing Japanese.
SELECT
    event_id AS source_event_id,
    'assistant' AS source_part,
    correlation_id,
    response_text AS text
FROM llm_chat
WHERE
    occurred_on = %(day)s
    AND choice_no = 0
    AND response_text ~ '[A-Za-z]{3}'
    AND response_text !~ '[ぁ-ゖァ-ヺ一-鿿]'
ORDER BY occurred_at, event_id;
