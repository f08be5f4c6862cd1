-- By key and session: how many locks, the highest number among them, and the server's time.
WITH here AS (
    SELECT oid FROM pg_database
    WHERE datname = current_database()
)

SELECT
    classid::bigint AS key,
    pid,
    count(*) AS locks,
    max(objid::bigint) AS highest,
    extract(EPOCH FROM clock_timestamp())::float AS epoch_s
FROM pg_locks
WHERE
    locktype = 'advisory'
    AND objsubid = 2
    AND granted
    AND database = (SELECT here.oid FROM here)
    AND classid = any(%(keys)s::oid[])
GROUP BY classid, pid;
