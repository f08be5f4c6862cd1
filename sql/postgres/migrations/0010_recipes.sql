-- What a recipe keeps of its source, and of an answer that had to be repaired.
ALTER TABLE inference_result
ADD COLUMN source_event_ids text[] NOT NULL DEFAULT '{}',
ADD COLUMN source_row jsonb,
ADD COLUMN sent_back_text text;

UPDATE inference_result SET source_event_ids = ARRAY[source_event_id]
WHERE source_event_id IS NOT NULL;

COMMENT ON COLUMN inference_result.source_event_ids IS 'Every event that the request was made from';
COMMENT ON COLUMN inference_result.source_row IS
'Those columns of the source row that the recipe keeps';
COMMENT ON COLUMN inference_result.sent_back_text IS
'The answer that was sent back for repair; tokens and times are then those of both answers';
