-- What was decided of a segment; what was decided later stays.
INSERT INTO translation_review (
    review_key, source_language, target_language, source_text, article, line, translated_text,
    decision, decided_by, decided_at
)
VALUES (
    %(review_key)s, %(source_language)s, %(target_language)s, %(source_text)s, %(article)s,
    %(line)s, %(translated_text)s, %(decision)s, %(decided_by)s, %(decided_at)s
)
ON CONFLICT (review_key) DO UPDATE SET
    translated_text = excluded.translated_text,
    decision = excluded.decision,
    decided_by = excluded.decided_by,
    decided_at = excluded.decided_at
WHERE coalesce(translation_review.decided_at, '-infinity') <= excluded.decided_at;
