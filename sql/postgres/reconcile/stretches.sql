-- Where to look for sequences: those with fewer than 50,000 others between them are one stretch,
-- since each costs a look at the whole index, which is small. What lies between stretches is not
-- looked at.
WITH part AS (
    SELECT
        ranges.sequences,
        coalesce(
            lower(ranges.sequences) - lag(upper(ranges.sequences)) OVER (
                ORDER BY ranges.sequences
            ) > 50000,
            FALSE
        )::integer AS is_apart
    FROM unnest(%(sequences)s::int8multirange) AS ranges (sequences)
),

placed AS (
    SELECT
        sequences,
        sum(is_apart) OVER (ORDER BY sequences) AS stretch_no
    FROM part
),

stretch AS (
    SELECT range_merge(range_agg(sequences)) AS sequences
    FROM placed
    GROUP BY stretch_no
)

SELECT coalesce(range_agg(sequences), '{}')::text AS stretches
FROM stretch;
