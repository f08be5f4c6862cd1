-- What people have decided of these segments.
SELECT
    review_key,
    translated_text,
    decided_by
FROM translation_review
WHERE review_key = any(%(review_keys)s) AND decision IS NOT NULL;
