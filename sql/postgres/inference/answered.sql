-- Which of these jobs need not be asked again. A failed one may be; but one that was too long for
-- every slot only when its role has a slot with a longer context than then.
SELECT result.job_id
FROM inference_result AS result
INNER JOIN unnest(%(job_ids)s::text[], %(contexts)s::bigint[]) AS job (job_id, context_tokens)
    ON result.job_id = job.job_id
WHERE result.status <> 'failed' OR result.longest_context_tokens >= job.context_tokens;
