-- A source row that could not be asked about: a failed job without a request.
INSERT INTO inference_result (
    job_id, recipe, kind, role, status, error_kind, error, attempts, occurred_on, correlation_id,
    source_event_id, source_event_ids, source_part, request, created_at, completed_at
)
VALUES (
    %(job_id)s, %(recipe)s, %(kind)s, %(role)s, 'failed', 'source_row', %(error)s, 0, %(day)s,
    %(correlation_id)s, %(source_event_id)s, %(source_event_ids)s, %(source_part)s, '{}', now(),
    now()
)
ON CONFLICT DO NOTHING;
