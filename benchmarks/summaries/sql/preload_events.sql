-- Events `first_no` … `first_no + events - 1` of one day, in the inbox: sessions of 500, each with
-- 125 chats, 125 tool calls, 200 nodes and edges of its flow, and 50 searches, a session every 8
-- seconds. One event of 50 comes late: it is of one of the `late_sessions` before.
INSERT INTO event_inbox (
    event_id, subject, published_subject, source, correlation_id, causation_id, occurred_at,
    received_at, occurred_on, stream, stream_seq, payload, payload_repaired, batch_id
)
SELECT
    made.event_id,
    made.subject,
    made.subject AS published_subject,
    'familiar' AS source,
    'session-' || made.session_no AS correlation_id,
    %(day)s::date || '-' || made.event_no / 10 * 10 AS causation_id,
    made.occurred_at,
    made.occurred_at + made.event_no %% 97 * interval '1 millisecond' AS received_at,
    %(day)s::date AS occurred_on,
    'FOUNDRY' AS stream,
    made.event_no AS stream_seq,
    CASE made.subject
        WHEN 'llm.chat.persist'
            THEN jsonb_build_object(
                'session_id', 'session-' || made.session_no,
                'slot', 'worker-' || made.event_no %% 8,
                'role', CASE WHEN made.step_no < 8 THEN 'orchestrator' ELSE 'worker' END,
                'model', 'gemma-4-31b-it',
                'provider', 'vllm',
                'messages', jsonb_build_array(
                    jsonb_build_object('role', 'system', 'content', 'Answer in one paragraph.'),
                    jsonb_build_object(
                        'role', 'user',
                        'content', 'Set batch_size=' || made.event_no %% 9 || '. '
                        || repeat(md5(made.event_no::text) || ' ', 5)
                    )
                ),
                'response', jsonb_build_object(
                    'content', repeat(md5((made.event_no + 1)::text) || ' ', 8),
                    'finish_reason', 'stop'
                ),
                'usage', jsonb_build_object(
                    'prompt_tokens', 40 + made.event_no %% 900,
                    'completion_tokens', 30 + made.event_no %% 500,
                    'cached_tokens', 10
                ),
                'timings', jsonb_build_object(
                    'ttft_ms', 20 + made.event_no %% 400,
                    'duration_ms', 300 + made.event_no::bigint * 7919 %% 5000,
                    'prompt_per_second', 812.5,
                    'predicted_per_second', 97.25
                )
            )
        WHEN 'llm.tool_call'
            THEN jsonb_build_object(
                'tool_name', 'tool-' || made.event_no %% 12,
                'is_error', made.event_no %% 17 = 0,
                'duration_ms', made.event_no::bigint * 7919 %% 100003 / 10.0,
                'slot', 'worker-' || made.event_no %% 8,
                'arguments', jsonb_build_object('query', repeat(md5(made.event_no::text), 4)),
                'result', jsonb_build_object('text', repeat(md5(made.event_no::text), 6))
            )
        WHEN 'obsidian.semantic_search'
            THEN jsonb_build_object(
                'query', md5(made.event_no::text),
                'vault', 'notes',
                'embedding_model', 'all-minilm-l6-v2',
                'duration_ms', 5 + made.event_no %% 40,
                'results', jsonb_build_array(
                    jsonb_build_object(
                        'path', md5(made.event_no::text) || '.md',
                        'score', made.event_no %% 100 / 100.0
                    )
                )
            )
        WHEN 'llm.flow.lineage'
            THEN CASE made.step_no %% 2
                WHEN 0
                    THEN jsonb_build_object(
                        'kind', 'node',
                        'node_id', 'node-' || made.step_no / 4,
                        'node_type', 'task',
                        'name', 'step ' || made.step_no,
                        'slot', 'worker-' || made.event_no %% 8,
                        'status', 'ok',
                        'started_at', made.occurred_at - interval '2 seconds',
                        'ended_at', made.occurred_at
                    )
                ELSE
                    jsonb_build_object(
                        'kind', 'edge',
                        'edge_id', 'edge-' || made.step_no,
                        'edge_type', 'calls',
                        'source', 'node-' || made.step_no / 4 - 1,
                        'target', 'node-' || made.step_no / 4,
                        'occurred_at', made.occurred_at
                    )
            END
    END AS payload,
    FALSE AS payload_repaired,
    made.event_no / 5000 AS batch_id
FROM (
    SELECT
        event_no,
        session_no,
        event_no %% 500 AS step_no,
        %(day)s::date || '-' || event_no AS event_id,
        CASE
            WHEN event_no %% 500 < 125 THEN 'llm.chat.persist'
            WHEN event_no %% 500 < 250 THEN 'llm.tool_call'
            WHEN event_no %% 500 < 450 THEN 'llm.flow.lineage'
            ELSE 'obsidian.semantic_search'
        END AS subject,
        %(day)s::date::timestamptz
        + (session_no * 8 + event_no %% 500 * 0.5) %% 86400 * interval '1 second' AS occurred_at
    FROM (
        SELECT
            event_no,
            CASE
                WHEN event_no %% 50 = 7 AND event_no >= 500
                    THEN event_no / 500 - 1
                        - event_no::bigint * 7919 %% least(event_no / 500, %(late_sessions)s)
                ELSE event_no / 500
            END AS session_no
        FROM generate_series(%(first_no)s, %(first_no)s + %(events)s - 1) AS numbers (event_no)
    ) AS numbered
) AS made;
