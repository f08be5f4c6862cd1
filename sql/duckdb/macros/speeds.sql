-- The tokens of which a speed is known, as `slot.timings` means them: those of the prompt that were
-- read, and all of the answer's. A mean of speeds is these over the seconds that they took. A speed
-- that no machine has was not measured.
CREATE OR REPLACE MACRO pp_timed(input_tokens, cached_tokens, pp_tokens_per_s) AS (
    CASE
        WHEN pp_tokens_per_s BETWEEN 1e-9 AND 1e6 AND input_tokens IS NOT NULL
            THEN greatest(input_tokens - coalesce(cached_tokens, 0), 0)
    END
);

CREATE OR REPLACE MACRO tg_timed(output_tokens, tg_tokens_per_s) AS (
    CASE WHEN tg_tokens_per_s BETWEEN 1e-9 AND 5e4 THEN output_tokens END
);
