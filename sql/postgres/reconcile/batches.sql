-- Batches of a life that reach into these sequences, in order, with how much each holds.
SELECT
    batch_id,
    messages
FROM intake_batch
WHERE
    life_id = %(life_id)s
    AND last_seq >= lower(%(wanted)s::int8multirange)
    AND int8range(first_seq, last_seq, '[]') && %(wanted)s::int8multirange
ORDER BY last_seq, batch_id;
