-- Keys of earlier events, in the order in which they came: ids that grow with time, or random ones.
INSERT INTO event_key (event_id, occurred_on, stream, stream_seq, received_at)
SELECT
    CASE
        WHEN %(random)s THEN gen_random_uuid()::text
        ELSE
            substr(time_hex, 1, 8) || '-' || substr(time_hex, 9, 4) || '-7'
            || substr(gen_random_uuid()::text, 16, 21)
    END,
    occurred_at::date,
    'PRELOADED',
    n,
    occurred_at
FROM (
    SELECT
        n,
        occurred_at,
        lpad(to_hex((extract(EPOCH FROM occurred_at) * 1000)::bigint), 12, '0') AS time_hex
    FROM (
        SELECT
            n,
            %(midnight)s + n * (%(noon)s - %(midnight)s) / %(rows)s AS occurred_at
        FROM generate_series(0, %(rows)s - 1) AS n
    ) AS moments
) AS times;
