-- By the key of a slot's places or claims, or of a role's backlog (see leases): how many locks, of
-- how many sessions, and the sum of their numbers.
WITH here AS (
    SELECT oid FROM pg_database
    WHERE datname = current_database()
)

SELECT
    classid::bigint AS key,
    count(*) AS locks,
    count(DISTINCT pid) AS sessions,
    sum(objid::bigint)::bigint AS numbers
FROM pg_locks
WHERE
    locktype = 'advisory'
    AND objsubid = 2
    AND granted
    AND database = (SELECT here.oid FROM here)
    AND classid = any(%(keys)s::oid[])
GROUP BY classid;
