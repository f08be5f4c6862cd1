-- Everything that is remembered and fit, what people have decided in place of a model's.
SELECT
    source_language,
    target_language,
    source_text,
    translated_text,
    decision,
    decided_by AS changed_by,
    decided_at AS changed_at,
    NULL AS models,
    NULL AS prompt_version,
    NULL AS glossary_version,
    NULL AS licence
FROM translation_review
WHERE decision IS NOT NULL
UNION ALL
SELECT
    source_language,
    target_language,
    source_text,
    translated_text,
    NULL AS decision,
    model AS changed_by,
    updated_at AS changed_at,
    models,
    prompt_version,
    glossary_version,
    licence
FROM translation_memory
WHERE is_fit
ORDER BY source_language, target_language, source_text, decision NULLS LAST, models, changed_at;
