SELECT
    first_seq,
    last_seq,
    reason,
    accepted_at
FROM intake_accepted
WHERE life_id = %(life_id)s
ORDER BY first_seq;
