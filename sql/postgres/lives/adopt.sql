-- Batches from before there were lives.
UPDATE intake_batch SET life_id = %(life_id)s
WHERE stream = %(stream)s AND life_id IS NULL AND landed_at >= %(created)s;
