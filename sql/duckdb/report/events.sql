-- Events by hour
SELECT
    (epoch(occurred_at - getvariable('since')) // 3600)::INTEGER AS hour_no,
    subject AS name,
    count(*) AS events
FROM event_inbox
WHERE
    occurred_on BETWEEN getvariable('first_utc') AND getvariable('last_utc')
    AND occurred_at >= getvariable('since')
    AND occurred_at < getvariable('until')
GROUP BY ALL
ORDER BY hour_no, name;
