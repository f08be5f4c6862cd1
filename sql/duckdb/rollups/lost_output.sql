-- daily_lost_output of each week, month …
CREATE OR REPLACE MACRO lost_output_by(period) AS TABLE (
    SELECT
        date_trunc(period, local_day)::DATE AS starts_on,
        origin,
        slot,
        model,
        status,
        finish_reason,
        error_kind,
        count(DISTINCT local_day) AS days,
        sum_of(requests) AS requests,
        sum_of(output_tokens) AS output_tokens,
        sum_of(reasoning_tokens) AS reasoning_tokens,
        sum_of(reasoning_only) AS reasoning_only,
        sum_of(kept) AS kept,
        sum_of(nothing_kept) AS nothing_kept,
        sum_of(nothing_kept_tokens) AS nothing_kept_tokens
    FROM daily_lost_output
    GROUP BY starts_on, origin, slot, model, status, finish_reason, error_kind
    ORDER BY starts_on, origin, slot, model, status, finish_reason, error_kind
);
