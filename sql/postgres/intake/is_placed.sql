-- Whether a message of one life of a stream is in the inbox, in quarantine, or a known duplicate.
SELECT count(*) > 0 AS is_placed
FROM event_place
WHERE
    stream = %(stream)s
    AND stream_seq = %(stream_seq)s
    AND received_at >= %(since)s
    AND received_at <= %(until)s;
