-- A sum of whole numbers that stays within BIGINT: what producers say they used may be anything.
-- (Not by least(), which leaves NULL out.)
CREATE OR REPLACE MACRO sum_of(counted) AS (
    CASE
        WHEN sum(counted) < 9223372036854775807 THEN sum(counted)
        WHEN sum(counted) IS NOT NULL THEN 9223372036854775807
    END::BIGINT
);
