-- What is to be looked for: what was missing before, and what is new below the ack floor.
SELECT
    greatest(%(floor)s, through_seq) AS floor,
    (
        CASE
            WHEN %(whole)s
                THEN int8multirange(
                    int8range(first_seq, greatest(%(floor)s, through_seq, first_seq - 1) + 1)
                )
            ELSE
                missing
                + int8multirange(
                    int8range(through_seq + 1, greatest(%(floor)s, through_seq) + 1)
                )
        END
        - coalesce(
            (
                SELECT range_agg(int8range(accepted.first_seq, accepted.last_seq, '[]'))
                FROM intake_accepted AS accepted
                WHERE accepted.life_id = life.life_id
            ),
            '{}'
        )
    )::text AS wanted
FROM stream_life AS life
WHERE life_id = %(life_id)s;
