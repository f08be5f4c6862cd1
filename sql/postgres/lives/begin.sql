-- A life begins; where it goes on with a former one, what was missing of that still is.
INSERT INTO stream_life (stream, created, first_seq, through_seq, missing)
SELECT
    %(stream)s,
    %(created)s,
    %(first_seq)s,
    %(first_seq)s::bigint - 1,
    coalesce(
        (
            SELECT missing * int8multirange(int8range(NULL, %(shared_seq)s, '(]'))
            FROM stream_life
            WHERE life_id = %(former)s AND %(shared_seq)s::bigint IS NOT NULL
        ),
        '{}'
    )
RETURNING life_id, created, first_seq, through_seq;
