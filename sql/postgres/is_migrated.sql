-- Whether the schema that tables are made in has migrations: those of another do not count.
SELECT to_regclass(format('%I.schema_migration', current_schema())) IS NOT NULL AS is_there;
