-- Give up the claims of runs that have ended. When the server has just started, a run that lives
-- may not hold its lock again yet.
WITH here AS (
    SELECT oid FROM pg_database
    WHERE datname = current_database()
),

alive AS MATERIALIZED (
    SELECT pg_locks.objid::bigint AS run
    FROM pg_locks
    WHERE
        pg_locks.locktype = 'advisory'
        AND pg_locks.objsubid = 2
        AND pg_locks.granted
        AND pg_locks.classid = %(key)s::oid
        AND pg_locks.database = (SELECT here.oid FROM here)
)

DELETE FROM job_claim
WHERE
    run NOT IN (SELECT alive.run FROM alive)
    AND clock_timestamp() - pg_postmaster_start_time() > %(rehold_s)s * interval '1 second';
