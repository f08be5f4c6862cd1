-- How many of these sequences have a key of this life of the stream all the same: their events
-- landed once.
SELECT count(known.event_id) AS keys
FROM unnest(%(stretches)s::int8multirange) AS part (sequences)
CROSS JOIN LATERAL (
    SELECT
        keyed.event_id,
        keyed.stream,
        keyed.stream_seq,
        keyed.received_at
    FROM event_key AS keyed
    WHERE
        keyed.stream = %(stream)s
        AND keyed.stream_seq >= lower(part.sequences)
        AND keyed.stream_seq < upper(part.sequences)
        AND keyed.stream_seq <@ %(missing)s::int8multirange
    OFFSET 0 -- a stretch after the other, by the index
) AS known
WHERE
    NOT EXISTS (
        SELECT 1
        FROM intake_batch AS former
        WHERE
            former.stream = known.stream
            AND former.life_id < %(life_id)s
            AND known.stream_seq BETWEEN former.first_seq AND former.last_seq
            AND known.received_at <= former.last_received_at
    );

-- sqlfluff:exclude_rules:ST06,RF04,RF02,AL03,AL05,AL07,ST10,ST05,AM09,LT02
