-- Events of a day by subject, source and UTC hour, and how long they took to reach the stream.
SELECT
    occurred_on AS day,
    subject,
    source,
    hour(occurred_at) AS hour_utc,
    count(*) AS events,
    count(DISTINCT correlation_id) AS sessions,
    count(*) FILTER (WHERE published_subject <> subject) AS under_old_name,
    count(*) FILTER (WHERE payload_repaired) AS repaired,
    quantile_cont(epoch_ms(received_at) - epoch_ms(occurred_at), 0.5) AS publish_lag_p50_ms,
    quantile_cont(epoch_ms(received_at) - epoch_ms(occurred_at), 0.95) AS publish_lag_p95_ms
FROM event_inbox
WHERE occurred_on = $day
GROUP BY ALL
ORDER BY ALL;
