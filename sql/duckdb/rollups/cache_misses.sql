-- daily_cache_misses of each week, month … by slot, model and cause.
CREATE OR REPLACE MACRO cache_misses_by(period) AS TABLE (
    SELECT
        date_trunc(period, local_day)::DATE AS starts_on,
        slot,
        model,
        cause,
        count(DISTINCT local_day) AS days,
        sum_of(misses) AS misses,
        sum_of(untold) AS untold,
        sum_of(input_tokens) AS input_tokens,
        sum_of(cached_tokens) AS cached_tokens,
        sum_of(known_tokens) AS known_tokens,
        sum_of(reread_tokens) AS reread_tokens,
        sum(reread_s) AS reread_s,
        sum(cost) AS cost,
        sum(energy_wh) AS energy_wh
    FROM daily_cache_misses
    GROUP BY starts_on, slot, model, cause
    ORDER BY starts_on, slot, model, cause
);
