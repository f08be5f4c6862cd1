-- What of a recipe's day has no answer, or one that is not fit to be used: how many, and why.
SELECT
    status,
    error_kind,
    count(*) AS jobs,
    (array_agg(job_id ORDER BY completed_at DESC, job_id ASC))[1] AS example_job_id,
    (array_agg(error ORDER BY completed_at DESC, job_id ASC))[1] AS example_error
FROM inference_result
WHERE recipe = %(recipe)s AND kind = %(kind)s AND occurred_on = %(day)s AND status <> 'ok'
GROUP BY status, error_kind
ORDER BY jobs DESC, status ASC, error_kind ASC;
