-- Deletes the keys in a stretch of blocks that are of days which PostgreSQL has dropped, and of
-- messages that came before a day; and notes up to where.
WITH gone AS (
    DELETE FROM event_key
    WHERE
        ctid >= %(from_ctid)s::tid
        AND ctid < %(until_ctid)s::tid
        AND occurred_on = any(%(days)s::date[])
        AND received_at < %(before)s
    RETURNING stream, stream_seq, received_at
)

INSERT INTO forgotten_key AS known (stream, through_seq, received_until, keys)
SELECT
    stream,
    (array_agg(stream_seq ORDER BY received_at DESC, stream_seq DESC))[1],
    max(received_at),
    count(*)
FROM gone
GROUP BY stream
ON CONFLICT (stream) DO UPDATE
    SET
        -- A stream made anew counts from 1 again: what came last says more than what is largest.
        through_seq = CASE
            WHEN excluded.received_until = known.received_until
                THEN greatest(excluded.through_seq, known.through_seq)
            WHEN excluded.received_until > known.received_until THEN excluded.through_seq
            ELSE known.through_seq
        END,
        received_until = greatest(known.received_until, excluded.received_until),
        keys = known.keys + excluded.keys,
        forgotten_at = now();
