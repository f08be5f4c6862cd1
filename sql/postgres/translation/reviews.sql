-- Segments that wait for a person, by document and line; or what was decided, the newest first.
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
WHERE
    (decision IS NOT NULL) = %(decided)s
    AND (%(article)s::text IS NULL OR article = %(article)s)
    AND (%(target_language)s::text IS NULL OR target_language = %(target_language)s)
ORDER BY decided_at DESC NULLS FIRST, article ASC, line ASC, asked_at ASC, review_key ASC
LIMIT %(most)s;
