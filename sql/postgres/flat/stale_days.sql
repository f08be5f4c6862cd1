-- Days that hold batches which some flat table has not seen, with how many.
SELECT
    ledger.occurred_on,
    count(DISTINCT ledger.batch_id) AS batches
FROM intake_batch_day AS ledger
CROSS JOIN unnest(%(tables)s::text[]) AS wanted (table_name)
LEFT JOIN flat_batch AS seen
    ON
        wanted.table_name = seen.table_name
        AND ledger.occurred_on = seen.occurred_on
        AND ledger.batch_id = seen.batch_id
WHERE seen.batch_id IS NULL
GROUP BY ledger.occurred_on
ORDER BY ledger.occurred_on;
