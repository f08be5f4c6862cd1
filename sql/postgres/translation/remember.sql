-- What a slot answered for a segment. A fit translation never gives way to an unfit one.
INSERT INTO translation_memory (
    memory_key, source_language, target_language, models, prompt_version, glossary_version,
    source_text, translated_text, is_fit, is_cut_off, findings, tries, job_id, model, licence
)
VALUES (
    %(memory_key)s, %(source_language)s, %(target_language)s, %(models)s, %(prompt_version)s,
    %(glossary_version)s, %(source_text)s, %(translated_text)s, %(is_fit)s, %(is_cut_off)s,
    %(findings)s, %(tries)s, %(job_id)s, %(model)s, %(licence)s
)
ON CONFLICT (memory_key) DO UPDATE SET
    translated_text = excluded.translated_text,
    is_fit = excluded.is_fit,
    is_cut_off = excluded.is_cut_off,
    findings = excluded.findings,
    tries = excluded.tries,
    job_id = excluded.job_id,
    model = excluded.model,
    licence = excluded.licence,
    round_trip_text = NULL,
    updated_at = now()
WHERE NOT translation_memory.is_fit;
