-- Batches that touched the day and that the flat table has not seen. A batch is in the ledger
-- exactly when its rows are in the inbox: the order in which batches commit does not matter.
SELECT ledger.batch_id
FROM intake_batch_day AS ledger
WHERE
    ledger.occurred_on = %(day)s
    AND NOT EXISTS (
        SELECT 1
        FROM flat_batch AS seen
        WHERE
            seen.table_name = %(table)s
            AND seen.occurred_on = ledger.occurred_on
            AND seen.batch_id = ledger.batch_id
    )
ORDER BY ledger.batch_id;
