-- A life that adopted batches began with the first of them, or before.
UPDATE stream_life AS life
SET
    first_seq = least(life.first_seq, batch.first_seq),
    through_seq = least(life.first_seq, batch.first_seq) - 1
FROM (
    SELECT min(first_seq) AS first_seq FROM intake_batch
    WHERE life_id = %(life_id)s
) AS batch
WHERE life.life_id = %(life_id)s
RETURNING life.life_id, life.created, life.first_seq, life.through_seq;
