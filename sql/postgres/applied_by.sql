-- The version that applied a migration; NULL: it was not noted.
SELECT to_jsonb(schema_migration) ->> 'applied_by' AS applied_by
FROM schema_migration
WHERE name = %(name)s;
