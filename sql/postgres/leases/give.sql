-- Give places of a slot back, and wake those who wait for one.
SELECT
    count(pg_advisory_unlock(%(key)s::int, place)) AS given,
    pg_notify(%(channel)s, '') AS told
FROM unnest(%(given)s::int[]) AS place;
