-- Takes off the queue what waits for a day of a flat table. A batch is in the queue exactly when
-- its rows are in the inbox: the order in which batches commit does not matter. One that the table
-- has taken in already was put back for those who compute from the day.
DELETE FROM flat_pending AS pending
WHERE pending.table_name = %(table)s AND pending.occurred_on = %(day)s
RETURNING
    pending.batch_id,
    EXISTS (
        SELECT 1
        FROM flat_batch AS seen
        WHERE
            seen.table_name = pending.table_name
            AND seen.occurred_on = pending.occurred_on
            AND seen.batch_id = pending.batch_id
    ) AS is_taken_in;
