-- How many keys there are, by PostgreSQL's estimate; what they take; how many have been given up.
SELECT
    greatest(pg_class.reltuples, coalesce(stat.n_live_tup, 0), 0)::bigint AS keys,
    pg_total_relation_size(pg_class.oid) AS bytes,
    (SELECT coalesce(sum(forgotten_key.keys), 0)::bigint FROM forgotten_key) AS forgotten
FROM pg_class
LEFT JOIN pg_stat_user_tables AS stat ON pg_class.oid = stat.relid
WHERE pg_class.oid = 'event_key'::regclass;
