-- When this content was first imported: now, unless it is known.
INSERT INTO intake_import (stream, file_name, imported_at)
VALUES (%(stream)s, %(file_name)s, clock_timestamp())
ON CONFLICT (stream) DO UPDATE SET file_name = excluded.file_name
RETURNING imported_at;
