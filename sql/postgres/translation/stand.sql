-- How an article's latest translation into a language ended.
SELECT
    status,
    segments - unfit_segments AS fit_segments,
    segments,
    reasons
FROM article_translation
WHERE article = %(article)s AND target_language = %(target_language)s
ORDER BY translated_at DESC
LIMIT 1;
