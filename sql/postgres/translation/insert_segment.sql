-- One segment of an article's translation.
INSERT INTO article_segment (
    occurred_on, article, target_language, segment_no, part, kind, line, source_text,
    translated_text, status, findings, memory_key, job_id, is_remembered, model, licence,
    length_ratio, glossary_terms, glossary_hits, round_trip_chrf2
)
VALUES (
    %(occurred_on)s, %(article)s, %(target_language)s, %(segment_no)s, %(part)s, %(kind)s,
    %(line)s, %(source_text)s, %(translated_text)s, %(status)s, %(findings)s, %(memory_key)s,
    %(job_id)s, %(is_remembered)s, %(model)s, %(licence)s, %(length_ratio)s, %(glossary_terms)s,
    %(glossary_hits)s, %(round_trip_chrf2)s
);
