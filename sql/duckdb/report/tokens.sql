-- Tokens by hour and slot
SELECT
    (epoch(occurred_at - getvariable('since')) // 3600)::INTEGER AS hour_no,
    coalesce(slot, 'unknown') AS name,
    sum_of(output_tokens) AS output_tokens,
    sum_of(input_tokens) AS input_tokens
FROM llm_chat
WHERE
    occurred_on BETWEEN getvariable('first_utc') AND getvariable('last_utc')
    AND occurred_at >= getvariable('since')
    AND occurred_at < getvariable('until')
GROUP BY ALL
ORDER BY hour_no, name;
