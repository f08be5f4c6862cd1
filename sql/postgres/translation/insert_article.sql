-- What became of an article in a language.
INSERT INTO article_translation (
    occurred_on, article, target_language, source_language, status, reasons, output_name,
    source_sha256, model, licence, prompt_version, glossary_version, segments, asked_segments,
    unfit_segments, untranslated_segments, repeated_segments, structure_matches, length_ratio,
    glossary_terms, glossary_hits, round_trip_chrf2, chrf2_signature
)
VALUES (
    %(occurred_on)s, %(article)s, %(target_language)s, %(source_language)s, %(status)s,
    %(reasons)s, %(output_name)s, %(source_sha256)s, %(model)s, %(licence)s, %(prompt_version)s,
    %(glossary_version)s, %(segments)s, %(asked_segments)s, %(unfit_segments)s,
    %(untranslated_segments)s, %(repeated_segments)s, %(structure_matches)s, %(length_ratio)s,
    %(glossary_terms)s, %(glossary_hits)s, %(round_trip_chrf2)s, %(chrf2_signature)s
);
