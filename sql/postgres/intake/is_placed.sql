-- Whether a message is in the inbox, in quarantine, or known otherwise: one of this life of the
-- stream, or, where that is not known, any of the number that had come by then.
SELECT count(*) > 0 AS is_placed
FROM event_place AS place
WHERE
    place.stream = %(stream)s
    AND place.stream_seq = %(stream_seq)s
    AND place.received_at <= %(until)s
    AND (
        %(life_id)s::bigint IS NULL
        OR EXISTS (
            SELECT 1
            FROM intake_batch AS batch
            WHERE
                batch.life_id = %(life_id)s
                AND place.stream_seq BETWEEN batch.first_seq AND batch.last_seq
                AND place.received_at <= batch.landed_at
        )
    );
