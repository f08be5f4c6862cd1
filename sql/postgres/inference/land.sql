-- One result. A failed one gives way to a later one; an answer never does.
INSERT INTO inference_result (
    job_id, recipe, kind, role, slot, status, error_kind, error, attempts, occurred_on,
    correlation_id, source_event_id, source_event_ids, source_part, source_row, request,
    request_model, response_model, provider_name, licence, sent_back_text, response_text,
    reasoning_text, tool_calls, finish_reason, input_tokens, output_tokens, cached_tokens, queue_ms,
    ttft_ms, total_ms, pp_tokens_per_s, tg_tokens_per_s, timing_source, created_at, completed_at
)
VALUES (
    %(job_id)s, %(recipe)s, %(kind)s, %(role)s, %(slot)s, %(status)s, %(error_kind)s, %(error)s,
    %(attempts)s, %(occurred_on)s, %(correlation_id)s, %(source_event_id)s,
    %(source_event_ids)s, %(source_part)s, %(source_row)s, %(request)s, %(request_model)s,
    %(response_model)s, %(provider_name)s, %(licence)s, %(sent_back_text)s, %(response_text)s,
    %(reasoning_text)s, %(tool_calls)s, %(finish_reason)s, %(input_tokens)s, %(output_tokens)s,
    %(cached_tokens)s, %(queue_ms)s, %(ttft_ms)s, %(total_ms)s, %(pp_tokens_per_s)s,
    %(tg_tokens_per_s)s, %(timing_source)s, %(created_at)s, %(completed_at)s
)
ON CONFLICT (job_id) DO UPDATE SET
    role = excluded.role,
    slot = excluded.slot,
    status = excluded.status,
    error_kind = excluded.error_kind,
    error = excluded.error,
    attempts = excluded.attempts,
    occurred_on = excluded.occurred_on,
    correlation_id = excluded.correlation_id,
    source_event_ids = excluded.source_event_ids,
    source_row = excluded.source_row,
    request_model = excluded.request_model,
    response_model = excluded.response_model,
    provider_name = excluded.provider_name,
    licence = excluded.licence,
    sent_back_text = excluded.sent_back_text,
    response_text = excluded.response_text,
    reasoning_text = excluded.reasoning_text,
    tool_calls = excluded.tool_calls,
    finish_reason = excluded.finish_reason,
    input_tokens = excluded.input_tokens,
    output_tokens = excluded.output_tokens,
    cached_tokens = excluded.cached_tokens,
    queue_ms = excluded.queue_ms,
    ttft_ms = excluded.ttft_ms,
    total_ms = excluded.total_ms,
    pp_tokens_per_s = excluded.pp_tokens_per_s,
    tg_tokens_per_s = excluded.tg_tokens_per_s,
    timing_source = excluded.timing_source,
    created_at = excluded.created_at,
    completed_at = excluded.completed_at,
    landed_at = now()
WHERE inference_result.status = 'failed';
