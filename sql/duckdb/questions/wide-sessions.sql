-- Which sessions kept most chats running at once, and on which slots?
SELECT
    correlation_id,
    began_on,
    max_parallel_chats,
    mean_parallel_chats,
    max_parallel_nodes,
    slots,
    chats,
    span_s
FROM session_summary
WHERE day BETWEEN getvariable('since') AND getvariable('until')
QUALIFY row_number() OVER (PARTITION BY correlation_id, began_on ORDER BY day DESC) = 1
ORDER BY max_parallel_chats DESC NULLS LAST, mean_parallel_chats DESC NULLS LAST, correlation_id ASC
LIMIT 20;
