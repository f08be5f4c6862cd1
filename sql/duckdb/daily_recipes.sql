-- Jobs of a day by recipe (requests that came as events are the recipe `request`), with their cost.
--
-- A slot works on `parallel` requests at once, so a request's second costs a slot 1 / parallel of
-- a second, and that part of its hourly price and its watts. Time of attempts that gave no answer
-- is in none of these. A job that a later run found answered is one row, asked once: how many a
-- run found so stands in the recipe's materialization (`cached`).
WITH job AS (
    SELECT
        *,
        total_ms / 1000 AS request_s,
        total_ms / 1000 / coalesce(slot_parallel, 1) AS slot_s
    FROM inference_result
    WHERE occurred_on = $day
)

SELECT
    occurred_on AS day,
    recipe,
    kind,
    role,
    count(*) AS jobs,
    count(*) FILTER (WHERE status = 'ok') AS ok,
    count(*) FILTER (WHERE status = 'rejected') AS rejected,
    count(*) FILTER (WHERE status = 'failed') AS failed,
    count(*) FILTER (WHERE attempts > 1) AS retried,
    count(*) FILTER (WHERE sent_back_text IS NOT NULL) AS sent_back, -- once, to be repaired
    sum_of(attempts) AS attempts,
    histogram(error_kind) AS error_kinds, -- how many of each
    list(DISTINCT slot ORDER BY slot) FILTER (WHERE slot IS NOT NULL) AS slots,
    list(DISTINCT response_model ORDER BY response_model) FILTER (WHERE response_model IS NOT NULL)
        AS models,
    sum_of(input_tokens) AS input_tokens,
    sum_of(output_tokens) AS output_tokens,
    sum_of(cached_tokens) AS cached_tokens,
    sum(request_s) AS request_s,
    sum(slot_s) AS slot_s, -- slot-seconds; a result without the slot's parallel counts as 1
    -- in the currency of the fleet file; NULL where it gives no price
    sum(slot_s / 3600 * slot_price_per_hour) AS cost,
    sum(slot_s / 3600 * slot_watts) AS energy_wh, -- NULL where the fleet file gives no watts
    sum(slot_s) FILTER (WHERE slot_price_per_hour IS NOT NULL) AS priced_slot_s,
    sum(slot_s) FILTER (WHERE slot_watts IS NOT NULL) AS metered_slot_s,
    sketch(total_ms) AS total_ms_sketch,
    sketch_quantile(total_ms_sketch, 0.5) AS total_p50_ms,
    sketch_quantile(total_ms_sketch, 0.95) AS total_p95_ms,
    sketch_quantile(total_ms_sketch, 0.99) AS total_p99_ms
FROM job
GROUP BY day, recipe, kind, role
ORDER BY day, recipe, kind, role;
