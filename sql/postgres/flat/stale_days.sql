-- Days that hold batches which some flat table has not taken in, with how many.
SELECT
    occurred_on,
    count(DISTINCT batch_id) AS batches
FROM flat_pending
WHERE table_name = any(%(tables)s)
GROUP BY occurred_on
ORDER BY occurred_on;
