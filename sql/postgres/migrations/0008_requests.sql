-- Requests that come as events, and what has been replied to them.
CREATE TABLE llm_request (
    event_id text NOT NULL,
    correlation_id text,
    causation_id text,
    source text,
    occurred_at timestamptz NOT NULL,
    occurred_on date NOT NULL,
    kind text NOT NULL,
    role text,
    priority text,
    source_language text,
    target_language text,
    request jsonb NOT NULL,
    batch_id bigint NOT NULL,
    PRIMARY KEY (occurred_on, event_id)
) PARTITION BY RANGE (occurred_on);
CREATE INDEX llm_request_correlation ON llm_request (correlation_id);

CREATE TABLE request_reply (
    request_event_id text NOT NULL PRIMARY KEY,
    occurred_on date NOT NULL,
    kind text NOT NULL,
    status text NOT NULL,
    replied_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE request_reply IS 'Requests whose result has been published';

CREATE OR REPLACE VIEW flat_expected AS
SELECT
    kind.table_name,
    inbox.occurred_on,
    inbox.batch_id,
    inbox.event_id,
    CASE kind.table_name
        WHEN 'llm_flow_node' THEN jsonb_array_length(flow_parts(inbox.payload, 'node'))
        WHEN 'llm_flow_edge' THEN jsonb_array_length(flow_parts(inbox.payload, 'edge'))
        ELSE 1
    END AS items
FROM event_inbox AS inbox
INNER JOIN (
    VALUES
    ('llm_chat', 'llm.chat.persist'),
    ('llm_tool_call', 'llm.tool_call'),
    ('llm_flow_node', 'llm.flow.lineage'),
    ('llm_flow_edge', 'llm.flow.lineage'),
    ('llm_request', 'llm.generation.request'),
    ('llm_request', 'llm.translation.request'),
    ('obsidian_semantic_search', 'obsidian.semantic_search')
) AS kind (table_name, subject) ON inbox.subject = kind.subject;

CREATE OR REPLACE VIEW flat_present AS
SELECT
    'llm_chat' AS table_name,
    occurred_on,
    event_id,
    1 AS item_no
FROM llm_chat
UNION ALL
SELECT
    'llm_tool_call' AS table_name,
    occurred_on,
    event_id,
    1 AS item_no
FROM llm_tool_call
UNION ALL
SELECT
    'llm_flow_node' AS table_name,
    occurred_on,
    event_id,
    item_no
FROM llm_flow_node
UNION ALL
SELECT
    'llm_flow_edge' AS table_name,
    occurred_on,
    event_id,
    item_no
FROM llm_flow_edge
UNION ALL
SELECT
    'llm_request' AS table_name,
    occurred_on,
    event_id,
    1 AS item_no
FROM llm_request
UNION ALL
SELECT
    'obsidian_semantic_search' AS table_name,
    occurred_on,
    event_id,
    1 AS item_no
FROM obsidian_semantic_search;
