-- Which of the wanted sequences the rows of these batches account for, and where they lie.
WITH place AS (
    SELECT
        'inbox' AS name,
        stream_seq
    FROM event_inbox
    WHERE occurred_on = any(%(days)s::date[]) AND batch_id = any(%(batches)s)
    UNION ALL
    SELECT
        'quarantine' AS name,
        stream_seq
    FROM event_quarantine
    WHERE
        stream = %(stream)s
        AND stream_seq >= lower(%(wanted)s::int8multirange)
        AND batch_id = any(%(batches)s)
    UNION ALL
    SELECT
        'duplicate' AS name,
        stream_seq
    FROM event_duplicate
    WHERE
        stream = %(stream)s
        AND stream_seq >= lower(%(wanted)s::int8multirange)
        AND batch_id = any(%(batches)s)
    UNION ALL
    SELECT
        'marker' AS name,
        stream_seq
    FROM event_marker
    WHERE
        stream = %(stream)s
        AND stream_seq >= lower(%(wanted)s::int8multirange)
        AND batch_id = any(%(batches)s)
),

found AS (
    SELECT *
    FROM place
    WHERE stream_seq <@ %(wanted)s::int8multirange
)

SELECT
    coalesce(range_agg(int8range(stream_seq, stream_seq, '[]')), '{}')::text AS sequences,
    count(*) FILTER (WHERE name = 'inbox') AS inbox,
    count(*) FILTER (WHERE name = 'quarantine') AS quarantine,
    count(*) FILTER (WHERE name = 'duplicate') AS duplicate,
    count(*) FILTER (WHERE name = 'marker') AS marker
FROM found;
