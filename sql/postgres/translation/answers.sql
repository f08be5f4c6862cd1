-- What became of these jobs.
SELECT
    job_id,
    status,
    error_kind,
    error,
    response_text,
    finish_reason,
    coalesce(response_model, request_model) AS model,
    licence
FROM inference_result
WHERE job_id = any(%(job_ids)s);
