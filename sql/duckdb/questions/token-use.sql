-- How many tokens did each slot read and write on each day, by role?
SELECT
    occurred_on AS day,
    slot,
    role,
    count(*) AS chats,
    sum(input_tokens) AS input_tokens,
    sum(cached_tokens) AS cached_tokens,
    sum(output_tokens) AS output_tokens
FROM llm_chat
WHERE coalesce(choice_no, 0) = 0
GROUP BY ALL
ORDER BY day DESC, output_tokens DESC NULLS LAST, slot ASC;
