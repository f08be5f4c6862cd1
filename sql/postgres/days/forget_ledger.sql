-- What the ledger says of a day that is dropped: which batches it had, and which tables saw them.
WITH flattened AS (
    DELETE FROM flat_batch
    WHERE occurred_on = %(day)s
)

DELETE FROM intake_batch_day
WHERE occurred_on = %(day)s;
