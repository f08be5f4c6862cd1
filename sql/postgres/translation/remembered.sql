-- What is known of these segments.
SELECT
    memory_key,
    translated_text,
    is_fit,
    is_cut_off,
    findings,
    tries,
    job_id,
    model,
    licence,
    round_trip_text
FROM translation_memory
WHERE memory_key = any(%(memory_keys)s);
