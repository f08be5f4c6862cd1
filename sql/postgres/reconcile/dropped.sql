-- Sequences whose rows left PostgreSQL with their day, which the lake has: their keys tell.
SELECT
    coalesce(range_agg(int8range(known.stream_seq, known.stream_seq, '[]')), '{}')::text
        AS sequences
FROM unnest(%(stretches)s::int8multirange) AS part (sequences)
CROSS JOIN LATERAL (
    SELECT
        keyed.stream_seq,
        keyed.occurred_on
    FROM event_key AS keyed
    WHERE
        keyed.stream = %(stream)s
        AND keyed.stream_seq >= lower(part.sequences)
        AND keyed.stream_seq < upper(part.sequences)
        AND keyed.stream_seq <@ %(wanted)s::int8multirange
    OFFSET 0 -- a stretch after the other, by the index
) AS known
WHERE
    EXISTS (
        SELECT 1
        FROM intake_batch AS batch
        INNER JOIN archived_day AS archived ON batch.landed_at <= archived.archived_at
        WHERE
            batch.life_id = %(life_id)s
            AND known.stream_seq BETWEEN batch.first_seq AND batch.last_seq
            AND archived.table_name = 'event_inbox'
            AND archived.occurred_on = known.occurred_on
    );

-- sqlfluff:exclude_rules:ST06,RF04,RF02,AL03,AL05,AL07,ST10,ST05,AM09,LT02
