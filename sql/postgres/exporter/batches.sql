-- What drains committed since a moment, by the second in which it landed.
SELECT
    extract(EPOCH FROM date_trunc('second', landed_at))::bigint AS landed_s,
    count(*)::bigint AS batches,
    sum(landed)::bigint AS landed,
    sum(duplicates)::bigint AS duplicate,
    sum(redelivered)::bigint AS redelivered,
    sum(quarantined)::bigint AS quarantined,
    sum(bytes)::bigint AS bytes
FROM intake_batch
WHERE landed_at >= date_trunc('second', now() - make_interval(secs => %(window_s)s))
GROUP BY landed_s;
