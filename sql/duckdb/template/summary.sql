-- Chats of a day by slot: how many, their tokens, how long they took.
SELECT
    occurred_on AS day,
    slot,
    count(*) AS chats,
    sum(output_tokens) AS output_tokens, -- a comment beside a column describes it in Dagster
    round(avg(total_ms), 1) AS mean_total_ms
FROM llm_chat
WHERE occurred_on = $day
GROUP BY day, slot
ORDER BY day, slot;
