-- Whether this is a table whose rows are events of days.
SELECT count(*) = 3 AS is_one
FROM pg_class AS relation
INNER JOIN pg_attribute AS attribute ON relation.oid = attribute.attrelid
WHERE
    relation.oid = to_regclass(quote_ident(%(table)s))
    AND relation.relkind IN ('r', 'p')
    AND attribute.attname IN ('event_id', 'correlation_id', 'occurred_on');
