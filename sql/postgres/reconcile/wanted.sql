-- What is to be looked for: what was missing before, and what is new below the ack floor; or all
-- of it, from where keys have not been given up.
WITH begun AS (
    SELECT
        life.life_id,
        life.through_seq,
        life.missing,
        greatest(%(floor)s, life.through_seq, life.first_seq - 1) AS floor,
        greatest(life.first_seq, 1 + forgotten.through_seq) AS first_seq
    FROM stream_life AS life
    LEFT JOIN forgotten_key AS forgotten
        ON
            life.stream = forgotten.stream
            AND forgotten.received_until >= (
                SELECT coalesce(min(batch.last_received_at), life.created)
                FROM intake_batch AS batch
                WHERE batch.life_id = life.life_id
            )
    WHERE life.life_id = %(life_id)s
),

asked AS (
    SELECT
        life_id,
        floor,
        missing
        + CASE
            WHEN %(whole)s THEN int8multirange(int8range(least(first_seq, floor + 1), floor + 1))
            ELSE int8multirange(int8range(through_seq + 1, floor + 1))
        END AS sequences
    FROM begun
)

SELECT
    asked.floor,
    (
        asked.sequences
        - coalesce(
            (
                SELECT range_agg(int8range(accepted.first_seq, accepted.last_seq, '[]'))
                FROM intake_accepted AS accepted
                WHERE accepted.life_id = asked.life_id
            ),
            '{}'
        )
    )::text AS wanted
FROM asked;
