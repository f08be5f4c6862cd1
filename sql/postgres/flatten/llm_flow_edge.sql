-- One row per edge that the llm.flow.lineage events of a day carry.
INSERT INTO llm_flow_edge (
    event_id, item_no, correlation_id, causation_id, source, occurred_at, occurred_on,
    edge_id, edge_type, source_node_id, target_node_id, edge_occurred_at, batch_id
)
SELECT
    inbox.event_id,
    item.item_no,
    inbox.correlation_id,
    inbox.causation_id,
    inbox.source,
    inbox.occurred_at,
    inbox.occurred_on,
    json_text(item.edge -> 'edge_id'),
    json_text(item.edge -> 'edge_type'),
    json_text(item.edge -> 'source'),
    json_text(item.edge -> 'target'),
    json_time(item.edge -> 'occurred_at'),
    inbox.batch_id
FROM event_inbox AS inbox
CROSS JOIN
    LATERAL
    jsonb_array_elements(flow_parts(inbox.payload, 'edge')) WITH ORDINALITY AS item (edge, item_no)
WHERE
    inbox.occurred_on = %(day)s
    AND inbox.subject = 'llm.flow.lineage'
    AND inbox.batch_id = any(%(batches)s)
    AND (%(events)s::text[] IS NULL OR inbox.event_id = any(%(events)s));
