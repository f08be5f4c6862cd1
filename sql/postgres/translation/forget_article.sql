-- An article's row of a day, with its segments, makes room for a later one.
DELETE FROM article_translation
WHERE
    occurred_on = %(occurred_on)s
    AND article = %(article)s
    AND target_language = %(target_language)s;
