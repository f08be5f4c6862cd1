-- A day's conversations in the order in which they began, in portions of about so many messages.
WITH span AS (
    SELECT
        conversation_key(conversation_id, correlation_id) AS key,
        min(occurred_at) AS began_at,
        max(occurred_at) AS ended_at,
        sum(greatest(coalesce(message_count, 0), 1)) AS messages
    FROM llm_chat
    WHERE
        occurred_on = $day
        AND conversation_key(conversation_id, correlation_id) IS NOT NULL
    GROUP BY ALL
)

SELECT
    key,
    began_at,
    ended_at,
    sum(messages) OVER (
        ORDER BY began_at, key ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    )::BIGINT // $portion AS portion_no
FROM span
ORDER BY began_at, key;
