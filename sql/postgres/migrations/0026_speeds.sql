-- What the speeds of a result are.
COMMENT ON COLUMN inference_result.pp_tokens_per_s IS
'Tokens of the prompt that were read (not cached) a second; of a client with the wait';
COMMENT ON COLUMN inference_result.tg_tokens_per_s IS
'Tokens generated a second after the first one; NULL where the answer came in one piece';
COMMENT ON COLUMN inference_result.timing_source IS
'Who measured: server, or client, whose times include the wait';
