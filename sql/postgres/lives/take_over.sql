-- Batches of a former life that hold what the new one holds too.
UPDATE intake_batch SET life_id = %(life_id)s
WHERE life_id = %(former)s AND last_seq <= %(shared_seq)s;
