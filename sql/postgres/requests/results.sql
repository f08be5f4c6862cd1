-- What the slots answered to requests, part by part; the latest where a part was asked anew.
SELECT DISTINCT ON (source_event_id, source_part)
    source_event_id,
    source_part,
    status,
    error_kind,
    error,
    slot,
    response_model,
    response_text,
    reasoning_text,
    tool_calls,
    finish_reason,
    input_tokens,
    output_tokens,
    ttft_ms,
    total_ms,
    pp_tokens_per_s,
    tg_tokens_per_s,
    completed_at
FROM inference_result
WHERE
    recipe = %(recipe)s
    AND kind = %(kind)s
    AND source_event_id = any(%(event_ids)s)
ORDER BY source_event_id ASC, source_part ASC, completed_at DESC;
