-- One row per node that the llm.flow.lineage events of a day carry.
INSERT INTO llm_flow_node (
    event_id, item_no, correlation_id, causation_id, source, occurred_at, occurred_on,
    node_id, node_type, node_name, slot, request_model, status, started_at, ended_at, batch_id
)
SELECT
    inbox.event_id,
    item.item_no,
    inbox.correlation_id,
    inbox.causation_id,
    inbox.source,
    inbox.occurred_at,
    inbox.occurred_on,
    json_text(item.node -> 'node_id'),
    json_text(item.node -> 'node_type'),
    json_text(item.node -> 'name'),
    json_text(item.node -> 'slot'),
    json_text(item.node -> 'model'),
    json_text(item.node -> 'status'),
    json_time(item.node -> 'started_at'),
    json_time(item.node -> 'ended_at'),
    inbox.batch_id
FROM event_inbox AS inbox
CROSS JOIN
    LATERAL
    jsonb_array_elements(flow_parts(inbox.payload, 'node')) WITH ORDINALITY AS item (node, item_no)
WHERE
    inbox.occurred_on = %(day)s
    AND inbox.subject = 'llm.flow.lineage'
    AND inbox.batch_id = any(%(batches)s)
    AND (%(events)s::text[] IS NULL OR inbox.event_id = any(%(events)s));
