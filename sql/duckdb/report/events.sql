-- Events by hour
SELECT
    date_part('hour', occurred_at) AS hour_utc,
    subject AS name,
    count(*) AS events
FROM event_inbox
WHERE occurred_on = $day
GROUP BY ALL
ORDER BY hour_utc, name;
