-- A guess at a text's language from the scripts of its first 1,000 characters, as a BCP 47 tag.
--
-- Only what a script tells is said: `ja`, `ko` and `zh`; for all else the script (`und-Latn` is
-- English as well as German), `und` without letters, NULL without a text. A fifth of the letters
-- in an East Asian script makes a text East Asian: its code and names are often Latin.
CREATE OR REPLACE MACRO count_of(text, pattern) AS (
    length(text) - length(regexp_replace(text, pattern, '', 'g'))
);

CREATE OR REPLACE MACRO language_by_counts(letters, kana, han, hangul, latin, cyrillic) AS (
    CASE
        WHEN letters = 0 THEN 'und'
        WHEN 5 * (kana + han + hangul) >= letters
            THEN CASE
                WHEN hangul >= kana + han THEN 'ko'
                WHEN 20 * kana >= kana + han THEN 'ja'
                ELSE 'zh'
            END
        WHEN 2 * latin >= letters THEN 'und-Latn'
        WHEN 2 * cyrillic >= letters THEN 'und-Cyrl'
        ELSE 'und-Zyyy'
    END
);

CREATE OR REPLACE MACRO language_guess(text) AS (
    CASE
        WHEN text IS NOT NULL
            THEN language_by_counts(
                count_of(left(text, 1000), '\p{L}'),
                count_of(left(text, 1000), '[\p{Hiragana}\p{Katakana}]'),
                count_of(left(text, 1000), '\p{Han}'),
                count_of(left(text, 1000), '\p{Hangul}'),
                count_of(left(text, 1000), '\p{Latin}'),
                count_of(left(text, 1000), '\p{Cyrillic}')
            )
    END
);
