-- Up to so many of a slot's free places. What the session holds is left out: it would get it again.
-- Any will do, and in no order: to sort them would lock them all.
WITH not_held AS MATERIALIZED (
    SELECT place FROM generate_series(0, %(places)s::int - 1) AS place
    WHERE place <> all(%(held)s::int[])
)

SELECT place FROM not_held
WHERE pg_try_advisory_lock(%(key)s::int, place)
LIMIT %(wanted)s; -- noqa: AM09
