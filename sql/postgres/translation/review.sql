-- The segments whose keys begin so; more than one if that is too short.
SELECT
    review_key,
    source_language,
    target_language,
    source_text,
    article,
    line,
    proposed_text,
    findings,
    translated_text,
    decision,
    decided_by,
    decided_at
FROM translation_review
WHERE starts_with(review_key, %(prefix)s)
ORDER BY review_key
LIMIT 2;
