SELECT batch_id
FROM intake_batch_day
WHERE occurred_on = %(day)s
ORDER BY batch_id;
