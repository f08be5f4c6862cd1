-- The statement that puts a view before a table, without those of a day's events that are not in
-- `shown_event`. Behind a barrier, so that nothing that the reader computes is computed of them.
SELECT
    format(
        'CREATE TEMPORARY VIEW %%I WITH (security_barrier) AS SELECT * FROM %%I.%%I '
        'WHERE occurred_on <> %%L OR event_id IN (SELECT event_id FROM pg_temp.shown_event)',
        relation.relname,
        namespace.nspname,
        relation.relname,
        %(day)s::date
    ) AS statement
FROM pg_class AS relation
INNER JOIN pg_namespace AS namespace ON relation.relnamespace = namespace.oid
WHERE relation.oid = to_regclass(quote_ident(%(table)s));
