-- What became of these jobs.
SELECT
    job_id,
    status,
    error_kind,
    error,
    request_model,
    response_model,
    response_text,
    reasoning_text,
    tool_calls,
    finish_reason,
    input_tokens,
    output_tokens,
    cached_tokens,
    completed_at
FROM inference_result
WHERE job_id = any(%(job_ids)s);
