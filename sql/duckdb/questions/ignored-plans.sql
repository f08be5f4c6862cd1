-- In which sessions did workers mention least of what the plan told them?
SELECT
    correlation_id,
    count(*) AS workers,
    any_value(plan_decisions) AS plan_decisions,
    sum(told) AS told,
    sum(kept) AS kept,
    sum(kept) / nullif(sum(told), 0) AS kept_share,
    avg(overlap_with_others) AS overlap,
    sum(len(differing_settings)) AS differing_settings,
    list_sort(list_distinct(flatten(list(ignored_decisions)))) AS ignored
FROM (
    SELECT *
    FROM session_agreement
    WHERE day BETWEEN getvariable('since') AND getvariable('until')
    QUALIFY day = max(day) OVER (PARTITION BY correlation_id, began_on)
) AS whole
GROUP BY correlation_id, began_on
HAVING sum(told) > 0
ORDER BY kept_share ASC, told DESC, correlation_id ASC
LIMIT 20;
