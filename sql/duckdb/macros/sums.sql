-- A sum of whole numbers that stays within BIGINT: what producers say they used may be anything. Of
-- nothing known it is NULL. (Not by least(), which leaves NULL out.)
CREATE OR REPLACE MACRO sum_of(counted) AS (
    CASE
        WHEN sum(counted) BETWEEN -9223372036854775807 AND 9223372036854775807 THEN sum(counted)
        WHEN sum(counted) > 0 THEN 9223372036854775807
        WHEN sum(counted) < 0 THEN -9223372036854775807
    END::BIGINT
);
