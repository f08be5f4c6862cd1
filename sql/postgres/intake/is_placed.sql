-- Whether a message of one life of a stream is in the inbox, in quarantine, or a known duplicate.
SELECT
    EXISTS (
        SELECT FROM event_key
        WHERE
            stream = %(stream)s
            AND stream_seq = %(stream_seq)s
            AND received_at >= %(since)s
            AND received_at <= %(until)s
    )
    OR EXISTS (
        SELECT FROM event_quarantine
        WHERE
            stream = %(stream)s
            AND stream_seq = %(stream_seq)s
            AND received_at >= %(since)s
            AND received_at <= %(until)s
    )
    OR EXISTS (
        SELECT FROM event_duplicate
        WHERE
            stream = %(stream)s
            AND stream_seq = %(stream_seq)s
            AND received_at >= %(since)s
            AND received_at <= %(until)s
    );
