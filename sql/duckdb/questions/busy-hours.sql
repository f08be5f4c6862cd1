-- At which hours (yours) of the last seven days did most happen, and how late did it arrive?
SELECT
    date_part('hour', timezone(getvariable('timezone'), occurred_at)) AS hour,
    count(*) AS events,
    count(DISTINCT correlation_id) AS sessions,
    quantile_cont(epoch(received_at - occurred_at), 0.95) AS lag_p95_s
FROM event_inbox
WHERE
    occurred_on BETWEEN getvariable('last_week_of_event_inbox') AND getvariable('until')
GROUP BY ALL
ORDER BY hour;
