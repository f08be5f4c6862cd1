SELECT
    last_seq,
    last_received_at
FROM intake_batch
WHERE life_id = %(life_id)s AND last_received_at IS NOT NULL
ORDER BY last_seq DESC
LIMIT 1;
