-- Those of a stretch that are missing are somebody's word from now on.
WITH accepted AS (
    SELECT
        life_id,
        missing * int8multirange(int8range(%(first_seq)s, %(last_seq)s, '[]')) AS sequences
    FROM stream_life
    WHERE life_id = %(life_id)s
),

settled AS (
    UPDATE stream_life AS life SET missing = life.missing - accepted.sequences
    FROM accepted
    WHERE life.life_id = accepted.life_id
)

INSERT INTO intake_accepted (life_id, first_seq, last_seq, reason)
SELECT
    accepted.life_id,
    lower(part.sequences),
    upper(part.sequences) - 1,
    %(reason)s
FROM accepted
CROSS JOIN LATERAL unnest(accepted.sequences) AS part (sequences)
RETURNING first_seq, last_seq, reason, accepted_at;
