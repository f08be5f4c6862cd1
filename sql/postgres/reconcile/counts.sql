-- Where the sequences of a stretch (after, floor] of one life of a stream lie.
SELECT
    (
        SELECT count(*)
        FROM event_key
        WHERE
            stream = %(stream)s
            AND stream_seq > %(after)s
            AND stream_seq <= %(floor)s
            AND received_at >= %(created)s
    ) AS inbox,
    (
        SELECT count(*)
        FROM event_quarantine
        WHERE
            stream = %(stream)s
            AND stream_seq > %(after)s
            AND stream_seq <= %(floor)s
            AND received_at >= %(created)s
    ) AS quarantine,
    (
        SELECT count(*)
        FROM event_duplicate
        WHERE
            stream = %(stream)s
            AND stream_seq > %(after)s
            AND stream_seq <= %(floor)s
            AND received_at >= %(created)s
    ) AS duplicate;
