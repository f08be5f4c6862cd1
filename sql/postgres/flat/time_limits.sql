-- Until the end of the transaction, or of the savepoint if it is undone.
SELECT
    set_config('statement_timeout', %(statement)s, TRUE) AS statement_timeout,
    set_config('lock_timeout', %(lock)s, TRUE) AS lock_timeout;
