-- A lock with another number in place of the one before. NULL is none: the functions are strict.
SELECT
    pg_advisory_unlock_shared(%(key)s::int, %(told)s::int) AS given_back,
    pg_advisory_lock_shared(%(key)s::int, %(jobs)s::int) AS taken;
