-- Sequences of a stretch (after, floor] of one life of a stream that lie nowhere, as ranges.
WITH known AS (
    SELECT %(after)s::bigint AS stream_seq
    UNION
    SELECT stream_seq
    FROM event_place
    WHERE
        stream = %(stream)s
        AND stream_seq > %(after)s
        AND stream_seq <= %(floor)s
        AND received_at >= %(created)s
    UNION
    SELECT %(floor)s::bigint + 1 AS stream_seq
),

gap AS (
    SELECT
        stream_seq + 1 AS first_seq,
        lead(stream_seq) OVER (ORDER BY stream_seq) - 1 AS last_seq
    FROM known
)

SELECT
    first_seq,
    last_seq
FROM gap
WHERE last_seq >= first_seq
ORDER BY first_seq;
