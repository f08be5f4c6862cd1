-- A day of tool calls, as if batches of 5,000 had been flattened: sessions of 20 calls, of which
-- the last 8 are made a second time, after a failure or not.
INSERT INTO llm_tool_call (
    event_id, correlation_id, source, occurred_at, occurred_on, tool_name, is_error, error_type,
    duration_ms, slot, arguments, result, batch_id
)
SELECT
    %(day)s::date || '-' || event_no,
    'session-' || event_no / 20,
    'familiar',
    %(day)s::date::timestamptz + event_no * interval '86400 seconds' / %(rows)s,
    %(day)s::date,
    'tool-' || event_no %% 12,
    event_no %% 17 = 0,
    CASE WHEN event_no %% 17 = 0 THEN 'error-' || event_no %% 5 END,
    ((event_no * 7919) %% 100003)::double precision / 10,
    'worker-' || event_no %% 4,
    jsonb_build_object('query', repeat(md5((event_no / 20 * 20 + event_no %% 12)::text), 4)),
    jsonb_build_object('text', repeat(md5((event_no + 1)::text), 6)),
    event_no / 5000
FROM generate_series(0::bigint, %(rows)s - 1) AS made (event_no);
