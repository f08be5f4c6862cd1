-- A sum of whole numbers that stays within BIGINT: what producers say they used may be anything.
CREATE OR REPLACE MACRO sum_of(counted) AS (
    least(sum(counted), 9223372036854775807)::BIGINT
);
