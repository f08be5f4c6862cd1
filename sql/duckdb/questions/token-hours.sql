-- At which hours (yours) of the last seven days did each slot read and write how many tokens?
SELECT
    date_part('hour', timezone(getvariable('timezone'), occurred_at)) AS hour,
    slot,
    count(*) AS chats,
    sum_of(input_tokens) AS input_tokens,
    sum_of(cached_tokens) AS cached_tokens,
    sum_of(output_tokens) AS output_tokens
FROM llm_chat
WHERE
    occurred_on BETWEEN getvariable('last_week_of_llm_chat') AND getvariable('until')
    AND coalesce(choice_no, 0) = 0
GROUP BY ALL
ORDER BY hour, slot;
