-- The days of which the flat tables, or the results, have rows of one correlation_id.
SELECT occurred_on FROM llm_chat
WHERE correlation_id = %(correlation_id)s
UNION
SELECT occurred_on FROM llm_tool_call
WHERE correlation_id = %(correlation_id)s
UNION
SELECT occurred_on FROM llm_flow_node
WHERE correlation_id = %(correlation_id)s
UNION
SELECT occurred_on FROM llm_flow_edge
WHERE correlation_id = %(correlation_id)s
UNION
SELECT occurred_on FROM llm_request
WHERE correlation_id = %(correlation_id)s
UNION
SELECT occurred_on FROM obsidian_semantic_search
WHERE correlation_id = %(correlation_id)s
UNION
SELECT occurred_on FROM inference_result
WHERE correlation_id = %(correlation_id)s
ORDER BY occurred_on;
