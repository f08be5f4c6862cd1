-- Which nodes of the flow graph stand on critical paths most often?
SELECT
    node_id,
    count(*) AS sessions,
    avg(critical_path_s) AS mean_critical_path_s
FROM (
    SELECT
        critical_path_s,
        unnest(list_distinct(critical_path)) AS node_id
    FROM session_summary
    WHERE day BETWEEN getvariable('since') AND getvariable('until')
    QUALIFY row_number() OVER (PARTITION BY correlation_id, began_on ORDER BY day DESC) = 1
) AS whole
GROUP BY node_id
ORDER BY sessions DESC, mean_critical_path_s DESC, node_id ASC
LIMIT 20;
