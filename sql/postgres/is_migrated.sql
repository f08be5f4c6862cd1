-- Whether the schema that tables are made in has migrations: those of another do not count.
SELECT to_regclass(quote_ident(current_schema()) || '.schema_migration') IS NOT NULL AS is_there;
