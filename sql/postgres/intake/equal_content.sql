-- Which of the events given say what the inbox has under their id, however it was written. The row
-- is found by its batch, which a block range index finds.
WITH given AS (
    SELECT *
    FROM unnest(
        %(numbers)s::integer[], %(event_ids)s::text[], %(subjects)s::text[], %(payloads)s::text[],
        %(days)s::date[], %(streams)s::text[], %(seqs)s::bigint[], %(are_unknown)s::boolean[]
    ) AS event (
        number, event_id, subject, payload, occurred_on, stream, stream_seq, is_unknown
    )
),

held AS (
    SELECT
        given.number,
        inbox.subject = given.subject AND inbox.payload = given.payload::jsonb AS is_equal
    FROM given
    INNER JOIN intake_batch AS batch
        ON
            given.stream = batch.stream
            AND given.stream_seq BETWEEN batch.first_seq AND batch.last_seq
    INNER JOIN event_inbox AS inbox
        ON
            given.occurred_on = inbox.occurred_on
            AND batch.batch_id = inbox.batch_id
            AND given.event_id = inbox.event_id
)

SELECT given.number
FROM given
LEFT JOIN held ON given.number = held.number
WHERE held.is_equal OR (held.is_equal IS NULL AND given.is_unknown);
