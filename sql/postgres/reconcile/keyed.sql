-- How many of these sequences have a key of this life of the stream all the same: their events
-- landed once.
SELECT count(*)
FROM event_key AS known
WHERE
    known.stream = %(stream)s
    AND known.stream_seq BETWEEN
    lower(%(missing)s::int8multirange) AND upper(%(missing)s::int8multirange)
    AND known.stream_seq <@ %(missing)s::int8multirange
    AND NOT EXISTS (
        SELECT 1
        FROM intake_batch AS former
        WHERE
            former.stream = known.stream
            AND former.life_id < %(life_id)s
            AND known.stream_seq BETWEEN former.first_seq AND former.last_seq
            AND known.received_at <= former.last_received_at
    );
