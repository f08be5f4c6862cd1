-- One row per worker of a session: which decisions of the plan it was told, kept or ignored, and
-- where it differs from the others. The session's last day has all of it; see docs/sessions.md.
WITH active AS (
    SELECT DISTINCT
        correlation_id,
        occurred_on
    FROM event_inbox
    WHERE
        occurred_on BETWEEN $first_day AND $day
        AND correlation_id IN (
            SELECT today.correlation_id FROM llm_chat AS today
            WHERE today.occurred_on BETWEEN $first_day AND $day AND today.role = 'worker'
        )
),

numbered AS (
    SELECT
        *,
        row_number() OVER (PARTITION BY correlation_id ORDER BY occurred_on DESC) AS day_no
    FROM active
),

session AS (
    SELECT
        correlation_id,
        min(occurred_on) AS began_on
    FROM numbered
    WHERE occurred_on = $day::DATE - (day_no - 1)::INTEGER
    GROUP BY ALL
),

chat AS (
    SELECT
        llm_chat.correlation_id,
        list(
            {
                'event_id': llm_chat.event_id,
                'causation_id': llm_chat.causation_id,
                'role': llm_chat.role,
                'slot': llm_chat.slot,
                'occurred_at': llm_chat.occurred_at::TIMESTAMP,
                'messages': llm_chat.messages,
                'response_text': llm_chat.response_text,
                'tool_calls': llm_chat.tool_calls
            } ORDER BY llm_chat.occurred_at, llm_chat.event_id
        ) AS listed
    FROM llm_chat
    INNER JOIN session ON llm_chat.correlation_id = session.correlation_id
    WHERE
        llm_chat.occurred_on BETWEEN session.began_on AND $day
        AND coalesce(llm_chat.choice_no, 0) = 0
    GROUP BY ALL
),

cause AS (
    SELECT
        event_inbox.correlation_id,
        list({
            'event_id': event_inbox.event_id, 'causation_id': event_inbox.causation_id
        }) AS listed
    FROM event_inbox
    INNER JOIN session ON event_inbox.correlation_id = session.correlation_id
    WHERE event_inbox.occurred_on BETWEEN session.began_on AND $day
    GROUP BY ALL
),

node AS (
    SELECT
        llm_flow_node.correlation_id,
        list(
            {
                'event_id': llm_flow_node.event_id,
                'node_id': llm_flow_node.node_id,
                'node_type': llm_flow_node.node_type,
                'slot': llm_flow_node.slot,
                'began': coalesce(llm_flow_node.started_at, llm_flow_node.occurred_at)::TIMESTAMP,
                'ended': coalesce(llm_flow_node.ended_at, llm_flow_node.occurred_at)::TIMESTAMP
            } ORDER BY llm_flow_node.occurred_at, llm_flow_node.event_id, llm_flow_node.item_no
        ) AS listed
    FROM llm_flow_node
    INNER JOIN session ON llm_flow_node.correlation_id = session.correlation_id
    WHERE
        llm_flow_node.occurred_on BETWEEN session.began_on AND $day
        AND llm_flow_node.node_id IS NOT NULL
    GROUP BY ALL
),

agreed AS (
    SELECT
        session.correlation_id,
        session.began_on,
        unnest(
            worker_agreement(chat.listed, coalesce(cause.listed, []), coalesce(node.listed, []))
        ) AS said
    FROM session
    INNER JOIN chat ON session.correlation_id = chat.correlation_id
    LEFT JOIN cause ON session.correlation_id = cause.correlation_id
    LEFT JOIN node ON session.correlation_id = node.correlation_id
)

SELECT
    $day::DATE AS day,
    agreed.correlation_id,
    agreed.began_on,
    agreed.said.worker,
    agreed.said.slots,
    agreed.said.plan_decisions,
    len(agreed.said.told) AS told,
    len(agreed.said.kept) AS kept,
    len(agreed.said.ignored) AS ignored,
    len(agreed.said.kept) / nullif(len(agreed.said.told), 0) AS kept_share,
    agreed.said.overlap AS overlap_with_others,
    agreed.said.told AS told_decisions,
    agreed.said.kept AS kept_decisions,
    agreed.said.ignored AS ignored_decisions,
    agreed.said.differs AS differing_settings,
    agreed.said.introduced AS introduced_terms
FROM agreed
ORDER BY agreed.correlation_id, agreed.said.worker;
