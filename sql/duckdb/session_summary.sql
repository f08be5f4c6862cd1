-- One row per correlation_id of a day: its span, and what happened in it.
WITH session AS (
    SELECT
        occurred_on,
        correlation_id,
        min(occurred_at) AS started_at,
        max(occurred_at) AS ended_at,
        count(*) AS events
    FROM event_inbox
    WHERE occurred_on = $day AND correlation_id IS NOT NULL
    GROUP BY ALL
),

chat AS (
    SELECT
        correlation_id,
        count(*) AS chats,
        sum(input_tokens)::BIGINT AS input_tokens,
        sum(output_tokens)::BIGINT AS output_tokens,
        list(DISTINCT slot ORDER BY slot) FILTER (WHERE slot IS NOT NULL) AS slots
    FROM llm_chat
    WHERE occurred_on = $day
    GROUP BY ALL
),

tool AS (
    SELECT
        correlation_id,
        count(*) AS tool_calls,
        count(*) FILTER (WHERE is_error) AS tool_errors
    FROM llm_tool_call
    WHERE occurred_on = $day
    GROUP BY ALL
),

node AS (
    SELECT
        correlation_id,
        count(DISTINCT node_id) AS nodes
    FROM llm_flow_node
    WHERE occurred_on = $day
    GROUP BY ALL
),

edge AS (
    SELECT
        correlation_id,
        count(*) AS edges
    FROM llm_flow_edge
    WHERE occurred_on = $day
    GROUP BY ALL
),

search AS (
    SELECT
        correlation_id,
        count(*) AS searches
    FROM obsidian_semantic_search
    WHERE occurred_on = $day
    GROUP BY ALL
),

job AS (
    SELECT
        correlation_id,
        count(*) AS jobs
    FROM inference_result
    WHERE occurred_on = $day
    GROUP BY ALL
)

SELECT
    session.occurred_on AS day,
    session.correlation_id,
    session.started_at,
    session.ended_at,
    (epoch_ms(session.ended_at) - epoch_ms(session.started_at)) / 1000 AS span_s,
    session.events,
    coalesce(chat.chats, 0) AS chats,
    coalesce(tool.tool_calls, 0) AS tool_calls,
    coalesce(tool.tool_errors, 0) AS tool_errors,
    coalesce(node.nodes, 0) AS nodes,
    coalesce(edge.edges, 0) AS edges,
    coalesce(search.searches, 0) AS searches,
    coalesce(job.jobs, 0) AS jobs,
    coalesce(chat.input_tokens, 0) AS input_tokens,
    coalesce(chat.output_tokens, 0) AS output_tokens,
    chat.slots
FROM session
LEFT JOIN chat ON session.correlation_id = chat.correlation_id
LEFT JOIN tool ON session.correlation_id = tool.correlation_id
LEFT JOIN node ON session.correlation_id = node.correlation_id
LEFT JOIN edge ON session.correlation_id = edge.correlation_id
LEFT JOIN search ON session.correlation_id = search.correlation_id
LEFT JOIN job ON session.correlation_id = job.correlation_id
ORDER BY session.started_at, session.correlation_id;
