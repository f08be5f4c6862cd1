-- Batches of a life that reach into these sequences, in order, with how much each holds.
SELECT DISTINCT
    batch.batch_id,
    batch.messages,
    batch.last_seq
FROM unnest(%(wanted)s::int8multirange) AS part (sequences)
INNER JOIN intake_batch AS batch
    ON int8range(batch.first_seq, batch.last_seq, '[]') && part.sequences
WHERE batch.life_id = %(life_id)s
ORDER BY batch.last_seq, batch.batch_id;
