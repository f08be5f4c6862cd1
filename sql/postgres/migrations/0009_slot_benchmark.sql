-- How fast each slot was, whenever it was measured.
CREATE TABLE slot_benchmark (
    measured_at timestamptz NOT NULL,
    slot text NOT NULL,
    model text NOT NULL,
    provider_name text NOT NULL,
    measure text NOT NULL CHECK (measure IN ('pp', 'tg')),
    input_tokens bigint NOT NULL,
    at_once integer NOT NULL,
    requests integer NOT NULL,
    pp_tokens_per_s double precision,
    tg_tokens_per_s double precision,
    total_tokens_per_s double precision,
    ttft_ms double precision,
    timing_source text,
    wall_s double precision NOT NULL,
    PRIMARY KEY (measured_at, slot, measure, input_tokens, at_once)
);

COMMENT ON COLUMN slot_benchmark.input_tokens IS 'Of each prompt, as the server counted (median)';
COMMENT ON COLUMN slot_benchmark.tg_tokens_per_s IS 'Of one request among those at once (median)';
COMMENT ON COLUMN slot_benchmark.total_tokens_per_s IS 'All tokens generated over the wall time';
