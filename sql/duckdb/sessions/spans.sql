-- A day's sessions in the order in which they began, in portions of about so many events.
WITH span AS (
    SELECT
        correlation_id AS key,
        min(occurred_at) AS began_at,
        max(occurred_at) AS ended_at,
        count(*) AS events
    FROM event_inbox
    WHERE correlation_id IS NOT NULL
    GROUP BY ALL
    HAVING max(occurred_on) = $day
)

SELECT
    key,
    began_at,
    ended_at,
    sum(events) OVER (
        ORDER BY began_at, key ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    )::BIGINT // $portion AS portion_no
FROM span
ORDER BY began_at, key;
