-- Of an article's open questions only these are left.
DELETE FROM translation_review
WHERE
    article = %(article)s
    AND target_language = %(target_language)s
    AND decision IS NULL
    AND review_key <> all(%(review_keys)s);
