-- Whether other engines are shown a file, by the Iceberg catalog that is derived from the lake:
-- files outlive each snapshot that names them.
ALTER TABLE lake_file
ADD COLUMN catalogued_at timestamptz,
ADD COLUMN uncatalogued_at timestamptz;
COMMENT ON COLUMN lake_file.catalogued_at IS 'Since when the Iceberg catalog has it; NULL: never';
COMMENT ON COLUMN lake_file.uncatalogued_at IS 'Since when it has it no more';
