-- Whose answers were cut by the token limit, and where does the limit stand?
SELECT
    slot,
    role,
    max_tokens,
    count(*) AS chats,
    count(*) FILTER (WHERE finish_reason = 'length') AS cut,
    count(*) FILTER (WHERE finish_reason = 'length') / count(*) AS cut_share
FROM llm_chat
WHERE
    occurred_on BETWEEN getvariable('since') AND getvariable('until')
    AND coalesce(choice_no, 0) = 0
GROUP BY ALL
HAVING count(*) FILTER (WHERE finish_reason = 'length') > 0
ORDER BY cut DESC, slot ASC, role ASC;
