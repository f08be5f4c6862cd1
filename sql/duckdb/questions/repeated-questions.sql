-- Which questions were asked again and again, and did the answers differ?
SELECT
    user_text,
    count(*) FILTER (WHERE coalesce(choice_no, 0) = 0) AS chats,
    count(DISTINCT correlation_id) AS sessions,
    count(DISTINCT response_text) AS different_answers,
    sum_of(output_tokens) AS output_tokens
FROM llm_chat
WHERE
    occurred_on BETWEEN getvariable('since') AND getvariable('until')
    AND user_text IS NOT NULL
GROUP BY user_text
HAVING count(DISTINCT correlation_id) > 1
ORDER BY sessions DESC, chats DESC, user_text ASC
LIMIT 20;
