-- The latest results of a recipe's day; of a long answer its beginning.
SELECT
    job_id,
    slot,
    status,
    error_kind,
    left(response_text, 200) AS response_text,
    input_tokens,
    output_tokens,
    total_ms,
    source_event_ids,
    source_part
FROM inference_result
WHERE recipe = %(recipe)s AND kind = %(kind)s AND occurred_on = %(day)s
ORDER BY completed_at DESC, job_id ASC
LIMIT %(rows)s;
