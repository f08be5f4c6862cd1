-- One row per session and UTC day that it touched: the whole session up to the end of that day, so
-- that its last row is all of it. A UTC day without an event ends a session.
WITH active AS (
    SELECT
        correlation_id,
        occurred_on,
        min(occurred_at) AS started_at,
        max(occurred_at) AS ended_at,
        count(*) AS events
    FROM event_inbox
    WHERE
        occurred_on BETWEEN $first_day AND $day
        AND correlation_id IN (
            SELECT today.correlation_id
            FROM event_inbox AS today
            WHERE today.occurred_on = $day
        )
    GROUP BY ALL
),

numbered AS (
    SELECT
        *,
        row_number() OVER (PARTITION BY correlation_id ORDER BY occurred_on DESC) AS day_no
    FROM active
),

session AS MATERIALIZED (
    SELECT
        correlation_id,
        min(occurred_on) AS began_on,
        min(started_at) AS started_at,
        max(ended_at) AS ended_at,
        sum(events)::BIGINT AS events,
        sum(events) FILTER (WHERE occurred_on = $day)::BIGINT AS day_events
    FROM numbered
    WHERE occurred_on = $day::DATE - (day_no - 1)::INTEGER
    GROUP BY ALL
),

session_chat AS MATERIALIZED (
    SELECT
        llm_chat.correlation_id,
        llm_chat.slot,
        llm_chat.finish_reason,
        llm_chat.input_tokens,
        llm_chat.output_tokens,
        epoch_us(llm_chat.occurred_at)
        - floor(least(greatest(coalesce(llm_chat.total_ms, 0), 0), 1e9) * 1000)::BIGINT AS start_us,
        epoch_us(llm_chat.occurred_at) AS end_us
    FROM llm_chat
    INNER JOIN session ON llm_chat.correlation_id = session.correlation_id
    WHERE
        llm_chat.occurred_on BETWEEN session.began_on AND $day
        AND coalesce(llm_chat.choice_no, 0) = 0
),

chat AS (
    SELECT
        correlation_id,
        count(*) AS chats,
        count(*) FILTER (WHERE finish_reason = 'length') AS cut_chats,
        least(sum(input_tokens), 9223372036854775807)::BIGINT AS input_tokens,
        least(sum(output_tokens), 9223372036854775807)::BIGINT AS output_tokens,
        list(DISTINCT slot ORDER BY slot) FILTER (WHERE slot IS NOT NULL) AS slots
    FROM session_chat
    GROUP BY ALL
),

tool AS (
    SELECT
        llm_tool_call.correlation_id,
        count(*) AS tool_calls,
        count(*) FILTER (WHERE llm_tool_call.is_error) AS tool_errors
    FROM llm_tool_call
    INNER JOIN session ON llm_tool_call.correlation_id = session.correlation_id
    WHERE llm_tool_call.occurred_on BETWEEN session.began_on AND $day
    GROUP BY ALL
),

-- A node is told of several times: when it begins, when it ends.
session_node AS MATERIALIZED (
    SELECT
        llm_flow_node.correlation_id,
        llm_flow_node.node_id,
        row(llm_flow_node.correlation_id, llm_flow_node.node_id) AS node_key,
        arg_max(llm_flow_node.status, llm_flow_node.occurred_at) AS status,
        epoch_us(coalesce(min(llm_flow_node.started_at), min(llm_flow_node.occurred_at)))
            AS start_us,
        greatest(
            epoch_us(coalesce(max(llm_flow_node.ended_at), max(llm_flow_node.occurred_at))),
            epoch_us(coalesce(min(llm_flow_node.started_at), min(llm_flow_node.occurred_at)))
        ) AS end_us,
        row_number() OVER (
            PARTITION BY llm_flow_node.correlation_id ORDER BY llm_flow_node.node_id
        ) - 1 AS node_no
    FROM llm_flow_node
    INNER JOIN session ON llm_flow_node.correlation_id = session.correlation_id
    WHERE
        llm_flow_node.occurred_on BETWEEN session.began_on AND $day
        AND llm_flow_node.node_id IS NOT NULL
    GROUP BY llm_flow_node.correlation_id, llm_flow_node.node_id
),

node AS (
    SELECT
        correlation_id,
        count(*) AS nodes,
        count(*) FILTER (WHERE status = 'error') AS node_errors,
        list(start_us ORDER BY node_no) AS starts,
        list(end_us ORDER BY node_no) AS ends,
        list(node_id ORDER BY node_no) AS node_ids
    FROM session_node
    GROUP BY ALL
),

session_edge AS MATERIALIZED (
    SELECT
        llm_flow_edge.correlation_id,
        row(llm_flow_edge.correlation_id, llm_flow_edge.source_node_id) AS source_key,
        row(llm_flow_edge.correlation_id, llm_flow_edge.target_node_id) AS target_key
    FROM llm_flow_edge
    INNER JOIN session ON llm_flow_edge.correlation_id = session.correlation_id
    WHERE llm_flow_edge.occurred_on BETWEEN session.began_on AND $day
),

edge AS (
    SELECT
        correlation_id,
        count(*) AS edges
    FROM session_edge
    GROUP BY ALL
),

-- Joined by the whole key at once: by the session alone, each node would first meet all others.
link AS (
    SELECT
        session_edge.correlation_id,
        list(source.node_no ORDER BY source.node_no, target.node_no) AS sources,
        list(target.node_no ORDER BY source.node_no, target.node_no) AS targets
    FROM session_edge
    INNER JOIN session_node AS source ON session_edge.source_key = source.node_key
    INNER JOIN session_node AS target ON session_edge.target_key = target.node_key
    GROUP BY ALL
),

path AS (
    SELECT
        node.correlation_id,
        node.node_ids,
        critical_path(
            node.starts,
            node.ends,
            coalesce(link.sources, []),
            coalesce(link.targets, [])
        ) AS critical
    FROM node
    LEFT JOIN link ON node.correlation_id = link.correlation_id
),

search AS (
    SELECT
        obsidian_semantic_search.correlation_id,
        count(*) AS searches
    FROM obsidian_semantic_search
    INNER JOIN session ON obsidian_semantic_search.correlation_id = session.correlation_id
    WHERE obsidian_semantic_search.occurred_on BETWEEN session.began_on AND $day
    GROUP BY ALL
),

job AS (
    SELECT
        inference_result.correlation_id,
        count(*) AS jobs,
        count(*) FILTER (WHERE inference_result.status = 'failed') AS failed_jobs
    FROM inference_result
    INNER JOIN session ON inference_result.correlation_id = session.correlation_id
    WHERE inference_result.occurred_on BETWEEN session.began_on AND $day
    GROUP BY ALL
),

-- How many ran at once: a step up where one begins, a step down where it ends.
step AS (
    SELECT
        'chat' AS kind,
        correlation_id,
        start_us AS at_us,
        1 AS step
    FROM session_chat
    WHERE end_us > start_us
    UNION ALL
    SELECT
        'chat' AS kind,
        correlation_id,
        end_us AS at_us,
        -1 AS step
    FROM session_chat
    WHERE end_us > start_us
    UNION ALL
    SELECT
        'node' AS kind,
        correlation_id,
        start_us AS at_us,
        1 AS step
    FROM session_node
    WHERE end_us > start_us
    UNION ALL
    SELECT
        'node' AS kind,
        correlation_id,
        end_us AS at_us,
        -1 AS step
    FROM session_node
    WHERE end_us > start_us
),

width AS (
    SELECT
        kind,
        correlation_id,
        sum(step) OVER (
            PARTITION BY kind, correlation_id ORDER BY at_us, step
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS running,
        lead(at_us) OVER (PARTITION BY kind, correlation_id ORDER BY at_us, step) - at_us AS for_us
    FROM step
),

parallel AS (
    SELECT
        kind,
        correlation_id,
        max(running)::BIGINT AS most,
        sum(running * for_us) / nullif(sum(for_us) FILTER (WHERE running > 0), 0) AS mean
    FROM width
    GROUP BY ALL
)

SELECT
    $day::DATE AS day,
    session.correlation_id,
    session.began_on,
    session.started_at,
    session.ended_at,
    (epoch_us(session.ended_at) - epoch_us(session.started_at)) / 1e6 AS span_s,
    session.events,
    session.day_events,
    coalesce(chat.chats, 0) AS chats,
    coalesce(chat.cut_chats, 0) AS cut_chats,
    coalesce(tool.tool_calls, 0) AS tool_calls,
    coalesce(tool.tool_errors, 0) AS tool_errors,
    coalesce(node.nodes, 0) AS nodes,
    coalesce(node.node_errors, 0) AS node_errors,
    coalesce(edge.edges, 0) AS edges,
    coalesce(search.searches, 0) AS searches,
    coalesce(job.jobs, 0) AS jobs,
    coalesce(job.failed_jobs, 0) AS failed_jobs,
    coalesce(chat.input_tokens, 0) AS input_tokens,
    coalesce(chat.output_tokens, 0) AS output_tokens,
    chat.slots,
    parallel_chat.most AS max_parallel_chats,
    parallel_chat.mean AS mean_parallel_chats,
    parallel_node.most AS max_parallel_nodes,
    parallel_node.mean AS mean_parallel_nodes,
    path.critical.length / 1e6 AS critical_path_s,
    list_transform(path.critical.nodes, LAMBDA number: path.node_ids[number + 1]) AS critical_path
FROM session
LEFT JOIN chat ON session.correlation_id = chat.correlation_id
LEFT JOIN tool ON session.correlation_id = tool.correlation_id
LEFT JOIN node ON session.correlation_id = node.correlation_id
LEFT JOIN edge ON session.correlation_id = edge.correlation_id
LEFT JOIN path ON session.correlation_id = path.correlation_id
LEFT JOIN search ON session.correlation_id = search.correlation_id
LEFT JOIN job ON session.correlation_id = job.correlation_id
LEFT JOIN parallel AS parallel_chat
    ON session.correlation_id = parallel_chat.correlation_id AND parallel_chat.kind = 'chat'
LEFT JOIN parallel AS parallel_node
    ON session.correlation_id = parallel_node.correlation_id AND parallel_node.kind = 'node'
ORDER BY session.started_at, session.correlation_id;
