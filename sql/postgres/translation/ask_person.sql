-- A segment that a person should look at. What was decided is not asked again.
INSERT INTO translation_review (
    review_key, source_language, target_language, source_text, article, line, proposed_text,
    findings
)
VALUES (
    %(review_key)s, %(source_language)s, %(target_language)s, %(source_text)s, %(article)s,
    %(line)s, %(proposed_text)s, %(findings)s
)
ON CONFLICT (review_key) DO UPDATE SET
    article = excluded.article,
    line = excluded.line,
    proposed_text = coalesce(excluded.proposed_text, translation_review.proposed_text),
    findings = excluded.findings;
