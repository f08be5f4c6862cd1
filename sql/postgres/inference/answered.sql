-- Which of these jobs need not be asked again. A failed one may be.
SELECT job_id
FROM inference_result
WHERE job_id = any(%(job_ids)s) AND status <> 'failed';
