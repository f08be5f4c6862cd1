-- The sessions of the lake's last day, latest first.
SELECT
    correlation_id,
    max(occurred_at) AS ended_at,
    count(*) AS events
FROM event_inbox
WHERE
    occurred_on = (SELECT max(latest.occurred_on) FROM event_inbox AS latest)
    AND correlation_id IS NOT NULL
GROUP BY correlation_id
ORDER BY ended_at DESC
LIMIT 5;
