-- daily_lost_output of each week, month … by all that tells its rows apart.
CREATE OR REPLACE MACRO lost_output_by(period) AS TABLE (
    SELECT
        date_trunc(period, day)::DATE AS starts_on,
        origin,
        slot,
        model,
        read_as,
        lost,
        finish_reason,
        error_kind,
        count(DISTINCT day) AS days,
        sum_of(answers) AS answers,
        sum_of(output_tokens) AS output_tokens,
        sum_of(reasoning_tokens) AS reasoning_tokens,
        sum_of(raw_kept) AS raw_kept,
        sum(decode_s) AS decode_s
    FROM daily_lost_output
    GROUP BY starts_on, origin, slot, model, read_as, lost, finish_reason, error_kind
    ORDER BY starts_on, origin, slot, model, read_as, lost, finish_reason, error_kind
);
