-- What an answer was that was not fit to be used, and prompts that no slot could take.
ALTER TABLE inference_result
ADD COLUMN raw_answer text,
ADD COLUMN longest_context_tokens bigint;

COMMENT ON COLUMN inference_result.raw_answer IS
'What the server sent, where the answer was rejected; of a long one the beginning';
COMMENT ON COLUMN inference_result.longest_context_tokens IS
'Of a prompt that was too long for every slot: the most that one of them had';

-- Jobs that a run is about to ask: no other run asks them while it lives. A run is alive while it
-- holds the advisory lock of its number. Nothing of it matters after a crash of the server.
CREATE UNLOGGED TABLE job_claim (
    job_id text NOT NULL PRIMARY KEY,
    run integer NOT NULL
);

COMMENT ON TABLE job_claim IS 'Jobs that a run is about to ask: no other run asks them meanwhile';
COMMENT ON COLUMN job_claim.run IS 'The second number of the advisory lock that the run holds';
