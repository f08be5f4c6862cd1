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
        min(started_at) AS first_event_at,
        max(ended_at) AS last_event_at,
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
        chat_failed(llm_chat.status, llm_chat.error_kind, llm_chat.finish_reason) AS failed,
        llm_chat.input_tokens,
        llm_chat.output_tokens,
        began_us(llm_chat.occurred_at, llm_chat.total_ms) AS start_us,
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
        count(*) FILTER (WHERE failed) AS failed_chats,
        min(start_us) AS start_us,
        sum_of(input_tokens) AS input_tokens,
        sum_of(output_tokens) AS output_tokens,
        list(DISTINCT slot ORDER BY slot) FILTER (WHERE slot IS NOT NULL) AS slots
    FROM session_chat
    GROUP BY ALL
),

tool AS (
    SELECT
        llm_tool_call.correlation_id,
        count(*) AS tool_calls,
        min(began_us(llm_tool_call.occurred_at, llm_tool_call.duration_ms)) AS start_us,
        count(*) FILTER (WHERE llm_tool_call.is_error) AS tool_errors
    FROM llm_tool_call
    INNER JOIN session ON llm_tool_call.correlation_id = session.correlation_id
    WHERE llm_tool_call.occurred_on BETWEEN session.began_on AND $day
    GROUP BY ALL
),

-- A node is told of several times, and may run several times. What is told of a run stands together
-- in the order of when it began, else of when it was told.
node_told AS (
    SELECT
        llm_flow_node.correlation_id,
        llm_flow_node.node_id,
        row(llm_flow_node.correlation_id, llm_flow_node.node_id) AS node_key,
        llm_flow_node.status,
        row(llm_flow_node.occurred_at, llm_flow_node.event_id, llm_flow_node.item_no) AS told_at,
        epoch_us(llm_flow_node.started_at) AS began_us,
        epoch_us(llm_flow_node.ended_at) AS ended_us,
        epoch_us(llm_flow_node.occurred_at) AS told_us,
        llm_flow_node.ended_at IS NOT NULL
        OR coalesce(llm_flow_node.status IN ('done', 'error'), FALSE) AS is_end
    FROM llm_flow_node
    INNER JOIN session ON llm_flow_node.correlation_id = session.correlation_id
    WHERE
        llm_flow_node.occurred_on BETWEEN session.began_on AND $day
        AND llm_flow_node.node_id IS NOT NULL
),

-- Another run begins behind the end of all before it.
node_begun AS (
    SELECT
        *,
        coalesce(
            lag(is_end) OVER told
            AND coalesce(began_us, CASE WHEN NOT is_end THEN told_us END) >= max(
                coalesce(ended_us, told_us)
            ) OVER (told ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
            FALSE
        ) AS is_another
    FROM node_told
    WINDOW told AS (PARTITION BY node_key ORDER BY coalesce(began_us, told_us), told_at)
),

node_numbered AS (
    SELECT
        *,
        count(*) FILTER (WHERE is_another) OVER (
            PARTITION BY node_key ORDER BY coalesce(began_us, told_us), told_at
        ) AS run_of_node
    FROM node_begun
),

node_run AS (
    SELECT
        correlation_id,
        node_id,
        node_key,
        coalesce(min(began_us), min(told_us)) AS start_us,
        greatest(
            coalesce(max(ended_us), max(told_us)), coalesce(min(began_us), min(told_us))
        ) AS end_us
    FROM node_numbered
    GROUP BY correlation_id, node_id, node_key, run_of_node
),

-- (As `trace` numbers them, which decides where times are equal.)
session_run AS MATERIALIZED (
    SELECT
        correlation_id,
        node_id,
        node_key,
        start_us,
        max(end_us) AS end_us,
        row_number() OVER (
            PARTITION BY correlation_id ORDER BY start_us, max(end_us), node_id
        ) - 1 AS run_no
    FROM node_run
    GROUP BY correlation_id, node_id, node_key, start_us
),

node AS (
    SELECT
        correlation_id,
        count(*) AS nodes,
        count(*) FILTER (WHERE status = 'error') AS node_errors
    FROM (
        SELECT
            correlation_id,
            arg_max(status, told_at) AS status
        FROM node_told
        GROUP BY correlation_id, node_key
    ) AS whole
    GROUP BY ALL
),

run AS (
    SELECT
        correlation_id,
        count(*) AS node_runs,
        min(start_us) AS start_us,
        max(end_us) AS end_us,
        list(start_us ORDER BY run_no) AS starts,
        list(end_us ORDER BY run_no) AS ends,
        list(node_id ORDER BY run_no) AS node_ids
    FROM session_run
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

-- Of two nodes with an edge, a run may have to do with the other's last one that began before it.
side AS (
    SELECT
        correlation_id,
        source_key AS own_key,
        target_key AS other_key,
        TRUE AS is_source
    FROM session_edge
    WHERE source_key <> target_key
    UNION
    SELECT
        correlation_id,
        target_key AS own_key,
        source_key AS other_key,
        FALSE AS is_source
    FROM session_edge
    WHERE source_key <> target_key
),

own_run AS (
    SELECT
        side.correlation_id,
        side.other_key,
        side.is_source,
        session_run.run_no,
        session_run.start_us
    FROM side
    INNER JOIN session_run ON side.own_key = session_run.node_key
),

link AS (
    SELECT
        own_run.correlation_id,
        list(
            DISTINCT CASE
                WHEN own_run.is_source THEN [own_run.run_no, other.run_no]
                ELSE [other.run_no, own_run.run_no]
            END
        ) AS pairs
    FROM own_run
    ASOF INNER JOIN session_run AS other
        ON own_run.other_key = other.node_key AND own_run.start_us >= other.start_us
    GROUP BY ALL
),

path AS (
    SELECT
        run.correlation_id,
        run.node_ids,
        critical_path(
            run.starts,
            run.ends,
            list_transform(list_sort(coalesce(link.pairs, [])), LAMBDA pair: pair[1]),
            list_transform(list_sort(coalesce(link.pairs, [])), LAMBDA pair: pair[2])
        ) AS critical
    FROM run
    LEFT JOIN link ON run.correlation_id = link.correlation_id
),

search AS (
    SELECT
        obsidian_semantic_search.correlation_id,
        count(*) AS searches,
        min(
            began_us(
                obsidian_semantic_search.occurred_at, obsidian_semantic_search.duration_ms
            )
        ) AS start_us
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

lasting AS (
    SELECT
        'chat' AS kind,
        correlation_id,
        start_us,
        end_us
    FROM session_chat
    WHERE end_us > start_us
    UNION ALL
    SELECT
        'node' AS kind,
        correlation_id,
        start_us,
        end_us
    FROM session_run
    WHERE end_us > start_us
),

-- What begins up to 50 ms before another ends began after it: times are rounded, and an event is
-- published a little after its answer.
bounded AS (
    SELECT
        *,
        start_us + least(50000, (end_us - start_us) // 2) AS latest_us
    FROM lasting
),

apart AS (
    SELECT
        bounded.kind,
        bounded.correlation_id,
        greatest(bounded.start_us, before.end_us) AS start_us, -- (which leaves NULL out)
        bounded.end_us
    FROM bounded
    ASOF LEFT JOIN lasting AS before
        ON
            bounded.kind = before.kind
            AND bounded.correlation_id = before.correlation_id
            AND bounded.latest_us >= before.end_us
),

-- How many ran at once: a step up where one begins, a step down where it ends.
step AS (
    SELECT
        kind,
        correlation_id,
        start_us AS at_us,
        1 AS step
    FROM apart
    UNION ALL
    SELECT
        kind,
        correlation_id,
        end_us AS at_us,
        -1 AS step
    FROM apart
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
    -- of all that happened in it: chats, calls and searches begin before their events
    make_timestamptz(
        least(
            epoch_us(session.first_event_at),
            chat.start_us,
            tool.start_us,
            search.start_us,
            run.start_us
        )
    ) AS started_at,
    make_timestamptz(greatest(epoch_us(session.last_event_at), run.end_us)) AS ended_at,
    (epoch_us(ended_at) - epoch_us(started_at)) / 1e6 AS span_s,
    session.events,
    session.day_events,
    coalesce(chat.chats, 0) AS chats,
    coalesce(chat.cut_chats, 0) AS cut_chats,
    coalesce(chat.failed_chats, 0) AS failed_chats, -- without an answer, as far as events tell
    coalesce(tool.tool_calls, 0) AS tool_calls,
    coalesce(tool.tool_errors, 0) AS tool_errors,
    coalesce(node.nodes, 0) AS nodes,
    coalesce(run.node_runs, 0) AS node_runs,
    coalesce(node.node_errors, 0) AS node_errors,
    coalesce(edge.edges, 0) AS edges,
    coalesce(search.searches, 0) AS searches,
    coalesce(job.jobs, 0) AS jobs,
    coalesce(job.failed_jobs, 0) AS failed_jobs,
    chat.input_tokens,
    chat.output_tokens,
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
LEFT JOIN run ON session.correlation_id = run.correlation_id
LEFT JOIN edge ON session.correlation_id = edge.correlation_id
LEFT JOIN path ON session.correlation_id = path.correlation_id
LEFT JOIN search ON session.correlation_id = search.correlation_id
LEFT JOIN job ON session.correlation_id = job.correlation_id
LEFT JOIN parallel AS parallel_chat
    ON session.correlation_id = parallel_chat.correlation_id AND parallel_chat.kind = 'chat'
LEFT JOIN parallel AS parallel_node
    ON session.correlation_id = parallel_node.correlation_id AND parallel_node.kind = 'node'
ORDER BY started_at, session.correlation_id;
