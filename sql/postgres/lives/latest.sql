SELECT
    life_id,
    created,
    first_seq,
    through_seq
FROM stream_life
WHERE stream = %(stream)s
ORDER BY life_id DESC
LIMIT 1;
