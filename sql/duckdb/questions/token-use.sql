-- How many tokens did each slot read and write on each day (yours), by role?
SELECT
    timezone(getvariable('timezone'), occurred_at)::DATE AS day,
    slot,
    role,
    count(*) AS chats,
    count(*) FILTER (WHERE chat_failed(status, error_kind, finish_reason)) AS failed,
    sum_of(input_tokens) AS input_tokens,
    sum_of(cached_tokens) AS cached_tokens,
    sum_of(output_tokens) AS output_tokens,
    sum_of(reasoning_tokens) AS reasoning_tokens
FROM llm_chat
WHERE
    occurred_on BETWEEN getvariable('since') AND getvariable('until')
    AND coalesce(choice_no, 0) = 0
GROUP BY ALL
ORDER BY day DESC, output_tokens DESC NULLS LAST, slot ASC;
