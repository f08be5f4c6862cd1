-- As forget, of messages whose event_id another had landed.
WITH gone AS (
    DELETE FROM event_duplicate
    WHERE
        ctid >= %(from_ctid)s::tid
        AND ctid < %(until_ctid)s::tid
        AND received_at < %(before)s
    RETURNING stream, stream_seq, received_at
)

INSERT INTO forgotten_key AS known (stream, through_seq, received_until, keys)
SELECT
    stream,
    (array_agg(stream_seq ORDER BY received_at DESC, stream_seq DESC))[1],
    max(received_at),
    0
FROM gone
GROUP BY stream
ON CONFLICT (stream) DO UPDATE
    SET
        through_seq = CASE
            WHEN excluded.received_until = known.received_until
                THEN greatest(excluded.through_seq, known.through_seq)
            WHEN excluded.received_until > known.received_until THEN excluded.through_seq
            ELSE known.through_seq
        END,
        received_until = greatest(known.received_until, excluded.received_until),
        forgotten_at = now();
