-- What did each recipe get for its requests: rows kept, rows rejected, tokens spent on each?
WITH asked AS (
    SELECT
        recipe,
        sum_of(jobs) AS jobs,
        sum_of(ok) AS ok,
        sum_of(rejected) AS rejected,
        sum_of(failed) AS failed,
        merge_counts(list(error_kinds)) AS error_kinds,
        sum_of(output_tokens) AS output_tokens,
        sum(slot_s) AS slot_s
    FROM daily_recipes
    WHERE day BETWEEN getvariable('since') AND getvariable('until')
    GROUP BY recipe
)

SELECT
    recipe,
    jobs,
    ok,
    rejected,
    failed,
    map_keys(error_kinds)[
        list_position(map_values(error_kinds), list_max(map_values(error_kinds)))
    ] AS usual_error,
    output_tokens,
    output_tokens / nullif(ok, 0) AS tokens_per_kept_row,
    slot_s
FROM asked
ORDER BY jobs DESC, recipe ASC;
