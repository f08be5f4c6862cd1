-- Which of these pairs of JSON texts say the same, however they are written.
SELECT pair.number
FROM
    unnest(%(numbers)s::integer[], %(payloads)s::text[], %(others)s::text[])
        AS pair (number, payload, other)
WHERE pair.payload::jsonb = pair.other::jsonb;
