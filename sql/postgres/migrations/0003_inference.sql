-- What the slots answered, to generation and to translation jobs: one row a job.
CREATE TABLE inference_result (
    job_id text NOT NULL PRIMARY KEY,
    recipe text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('generation', 'translation')),
    role text NOT NULL,
    slot text,
    status text NOT NULL CHECK (status IN ('ok', 'rejected', 'failed')),
    error_kind text,
    error text,
    attempts integer NOT NULL CHECK (attempts >= 0),
    occurred_on date NOT NULL,
    correlation_id text,
    source_event_id text,
    source_part text NOT NULL,
    request jsonb NOT NULL,
    request_model text,
    response_model text,
    provider_name text,
    licence text,
    response_text text,
    reasoning_text text,
    tool_calls jsonb,
    finish_reason text,
    input_tokens bigint,
    output_tokens bigint,
    cached_tokens bigint,
    queue_ms double precision,
    ttft_ms double precision,
    total_ms double precision,
    pp_tokens_per_s double precision,
    tg_tokens_per_s double precision,
    timing_source text CHECK (timing_source IN ('server', 'client')),
    created_at timestamptz NOT NULL,
    completed_at timestamptz NOT NULL,
    landed_at timestamptz NOT NULL DEFAULT now(),
    CHECK ((status = 'ok') = (error_kind IS NULL))
);

CREATE INDEX inference_result_day ON inference_result (occurred_on);
CREATE INDEX inference_result_recipe_day ON inference_result (recipe, occurred_on);
-- By hash: found by equality only, and of any length.
CREATE INDEX inference_result_correlation ON inference_result USING hash (correlation_id);

COMMENT ON TABLE inference_result IS 'Generations and translations: one row a job';
COMMENT ON COLUMN inference_result.job_id IS 'SHA-256 of recipe, source and request';
COMMENT ON COLUMN inference_result.occurred_on IS 'UTC day of the source event, not of the request';
COMMENT ON COLUMN inference_result.provider_name IS 'Runtime of the slot: vllm, llama.cpp, openai';
COMMENT ON COLUMN inference_result.licence IS 'Licence of the model that answered';
COMMENT ON COLUMN inference_result.queue_ms IS 'Wait inside the server, where it says so';
COMMENT ON COLUMN inference_result.ttft_ms IS
'Time to the first token; without the queue where timing_source is server';
COMMENT ON COLUMN inference_result.created_at IS 'When first asked, or given up unasked';
