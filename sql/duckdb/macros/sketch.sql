-- Quantiles that can be merged. A sketch is a MAP from a bucket to how many values lie in it.
--
-- Buckets grow by 1.01 / 0.99 (as in DDSketch), so what a bucket stands for is within 1 % of each
-- value in it. Bucket 0 is what lies within 0.000001 of zero; negative values have negative
-- buckets. Buckets ascend as values do, and the sum of two maps is the sketch of both.
CREATE OR REPLACE MACRO sketch_bucket(measured) AS (
    CASE
        WHEN abs(measured::DOUBLE) > 1e-6
            THEN sign(measured) * ceil(ln(abs(measured::DOUBLE) / 1e-6) / ln(1.01 / 0.99))
        WHEN measured IS NOT NULL THEN 0
    END::INTEGER
);

CREATE OR REPLACE MACRO sketch_value(bucket) AS (
    sign(bucket) * 0.99 * 1e-6 * pow(1.01 / 0.99, abs(bucket))
);

-- An aggregate: the sketch of a column; NULL where no row has a value.
CREATE OR REPLACE MACRO sketch(measured) AS (
    histogram(sketch_bucket(measured))
);

-- One map of counts for a list of them (sketches, or any other): counts of a key are added.
CREATE OR REPLACE MACRO merge_counts(maps) AS (
    (
        SELECT map_from_entries(list((counted.key, counted.n) ORDER BY counted.key))
        FROM (
            SELECT
                entry.key,
                sum(entry.value)::UBIGINT AS n
            FROM (SELECT unnest(flatten(list_transform(maps, LAMBDA m: map_entries(m)))) AS entry)
            GROUP BY entry.key
        ) AS counted
    )
);

-- The smallest value that at least this share of the values does not exceed, within 1 %.
CREATE OR REPLACE MACRO sketch_quantile(sketched, share) AS (
    sketch_value(
        list_reduce(
            map_entries(sketched),
            LAMBDA below, entry: CASE
                WHEN below.value >= share::DOUBLE * list_sum(map_values(sketched)) - 1e-6 THEN below
                ELSE {'key': entry.key, 'value': below.value + entry.value}
            END
        ).key
    )
);
