-- Events of a day by subject, source and UTC hour, and how long they took to reach the stream.
SELECT
    occurred_on AS day,
    subject,
    source,
    epoch_us(occurred_at) // 3600000000 % 24 AS hour_utc,
    count(*) AS events,
    count_distinct(correlation_id) AS sessions, -- with an event in this row: not to be added up
    count(*) FILTER (WHERE published_subject <> subject) AS under_old_name,
    count(*) FILTER (WHERE payload_repaired) AS repaired,
    -- received_at - occurred_at: from when the producer says it happened until JetStream stored it
    sketch((epoch_us(received_at) - epoch_us(occurred_at)) / 1000) AS publish_lag_ms_sketch,
    sketch_quantile(publish_lag_ms_sketch, 0.5) AS publish_lag_p50_ms,
    sketch_quantile(publish_lag_ms_sketch, 0.95) AS publish_lag_p95_ms,
    sketch_quantile(publish_lag_ms_sketch, 0.99) AS publish_lag_p99_ms
FROM event_inbox
WHERE occurred_on = $day AND occurred_at >= $since
GROUP BY day, subject, source, hour_utc
ORDER BY day, subject, source, hour_utc;
