-- Tokens by hour and slot
SELECT
    date_part('hour', occurred_at) AS hour_utc,
    coalesce(slot, 'unknown') AS name,
    sum_of(output_tokens) AS output_tokens,
    sum_of(input_tokens) AS input_tokens
FROM llm_chat
WHERE occurred_on = $day
GROUP BY ALL
ORDER BY hour_utc, name;
