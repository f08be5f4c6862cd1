-- Claim those of the jobs that have no answer and no claim: which are this run's now.
INSERT INTO job_claim (job_id, run)
SELECT
    job.job_id,
    %(run)s
FROM unnest(%(job_ids)s::text[], %(contexts)s::bigint[]) AS job (job_id, context_tokens)
WHERE
    NOT EXISTS (
        SELECT FROM inference_result AS result
        WHERE
            result.job_id = job.job_id
            AND (result.status <> 'failed' OR result.longest_context_tokens >= job.context_tokens)
    )
ORDER BY job.job_id
ON CONFLICT (job_id) DO NOTHING
RETURNING job_id;
