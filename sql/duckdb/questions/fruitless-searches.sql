-- Which searches found nothing, and how often were they tried?
SELECT
    query,
    vault,
    count(*) AS searches,
    max(occurred_at) AS last_tried_at
FROM obsidian_semantic_search
WHERE
    occurred_on BETWEEN getvariable('since') AND getvariable('until')
    AND result_count = 0
GROUP BY ALL
ORDER BY searches DESC, last_tried_at DESC
LIMIT 50;
