UPDATE stream_life
SET through_seq = %(floor)s, missing = %(missing)s::int8multirange, verified_at = now()
WHERE life_id = %(life_id)s
RETURNING
    array(
        SELECT ARRAY[lower(part), upper(part) - 1] FROM unnest(missing) AS part
        ORDER BY part
    ) AS ranges;
