-- daily_recipes of each week, month … by recipe.
CREATE OR REPLACE MACRO recipes_by(period) AS TABLE (
    WITH merged AS (
        SELECT
            date_trunc(period, day)::DATE AS starts_on,
            recipe,
            kind,
            role,
            count(DISTINCT day) AS days,
            sum_of(jobs) AS jobs,
            sum_of(ok) AS ok,
            sum_of(rejected) AS rejected,
            sum_of(failed) AS failed,
            sum_of(retried) AS retried,
            sum_of(sent_back) AS sent_back,
            sum_of(attempts) AS attempts,
            sum_of(input_tokens) AS input_tokens,
            sum_of(output_tokens) AS output_tokens,
            sum_of(cached_tokens) AS cached_tokens,
            sum(request_s) AS request_s,
            sum(slot_s) AS slot_s,
            sum(cost) AS cost,
            sum(energy_wh) AS energy_wh,
            sum(priced_slot_s) AS priced_slot_s,
            sum(metered_slot_s) AS metered_slot_s,
            list_sort(list_distinct(flatten(list(slots)))) AS slots,
            list_sort(list_distinct(flatten(list(models)))) AS models,
            merge_counts(list(error_kinds)) AS error_kinds,
            merge_counts(list(total_ms_sketch)) AS total_ms_sketch
        FROM daily_recipes
        GROUP BY starts_on, recipe, kind, role
    )

    SELECT
        *,
        sketch_quantile(total_ms_sketch, 0.5) AS total_p50_ms,
        sketch_quantile(total_ms_sketch, 0.95) AS total_p95_ms,
        sketch_quantile(total_ms_sketch, 0.99) AS total_p99_ms
    FROM merged
    ORDER BY starts_on, recipe, kind, role
);
