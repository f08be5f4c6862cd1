-- A file that appears, or that is found without being known.
INSERT INTO lake_file (
    lake, table_name, occurred_on, layer, first_no, last_no, crc32,
    row_count, byte_count, made_of, code
)
VALUES (
    %(lake)s, %(table)s, %(day)s, %(layer)s, %(first)s, %(last)s, %(crc)s,
    %(rows)s, %(bytes)s, %(made_of)s, %(code)s
)
ON CONFLICT DO NOTHING;
