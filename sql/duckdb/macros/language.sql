-- A guess at a text's language from the scripts of its first 1,000 characters; see
-- `language_of_scripts`, which this asks where a text is not ASCII. (Most have a letter at once.)
CREATE OR REPLACE MACRO language_guess(text) AS (
    CASE
        WHEN strlen(text) > length(text) THEN language_of_scripts(left(text, 1000))
        WHEN regexp_matches(left(text, 50), '[A-Za-z]') THEN 'und-Latn'
        WHEN regexp_matches(left(text, 1000), '[A-Za-z]') THEN 'und-Latn'
        WHEN text IS NOT NULL THEN 'und'
    END
);
