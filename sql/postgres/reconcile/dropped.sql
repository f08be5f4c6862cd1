-- Sequences whose rows left PostgreSQL with their day, which the lake has: their keys tell.
SELECT
    coalesce(range_agg(int8range(known.stream_seq, known.stream_seq, '[]')), '{}')::text
        AS sequences
FROM event_key AS known
WHERE
    known.stream = %(stream)s
    AND known.stream_seq BETWEEN
    lower(%(wanted)s::int8multirange) AND upper(%(wanted)s::int8multirange)
    AND known.stream_seq <@ %(wanted)s::int8multirange
    AND EXISTS (
        SELECT 1
        FROM intake_batch AS batch
        INNER JOIN archived_day AS archived ON batch.landed_at <= archived.archived_at
        WHERE
            batch.life_id = %(life_id)s
            AND known.stream_seq BETWEEN batch.first_seq AND batch.last_seq
            AND archived.table_name = 'event_inbox'
            AND archived.occurred_on = known.occurred_on
    );
