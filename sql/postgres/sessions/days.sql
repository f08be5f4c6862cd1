-- The days, of some, of which the flat tables have rows of one correlation_id.
SELECT occurred_on FROM llm_chat
WHERE
    correlation_id = %(correlation_id)s AND occurred_on BETWEEN %(first)s AND %(last)s
UNION
SELECT occurred_on FROM llm_tool_call
WHERE
    correlation_id = %(correlation_id)s AND occurred_on BETWEEN %(first)s AND %(last)s
UNION
SELECT occurred_on FROM llm_flow_node
WHERE
    correlation_id = %(correlation_id)s AND occurred_on BETWEEN %(first)s AND %(last)s
UNION
SELECT occurred_on FROM llm_flow_edge
WHERE
    correlation_id = %(correlation_id)s AND occurred_on BETWEEN %(first)s AND %(last)s
UNION
SELECT occurred_on FROM llm_request
WHERE
    correlation_id = %(correlation_id)s AND occurred_on BETWEEN %(first)s AND %(last)s
UNION
SELECT occurred_on FROM obsidian_semantic_search
WHERE
    correlation_id = %(correlation_id)s AND occurred_on BETWEEN %(first)s AND %(last)s;
