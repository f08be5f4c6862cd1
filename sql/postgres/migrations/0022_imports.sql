-- Imported files. When one was first imported is a part of its messages' identity, so it is kept.
CREATE TABLE intake_import (
    stream text NOT NULL PRIMARY KEY,
    file_name text NOT NULL,
    imported_at timestamptz NOT NULL
);

COMMENT ON TABLE intake_import IS 'Each imported file: its stream is named by its content';
COMMENT ON COLUMN intake_import.file_name IS 'What it was called last';

-- Until now a file's own time stood there; what of such a file lies in quarantine keeps it.
INSERT INTO intake_import (stream, file_name, imported_at)
SELECT
    stream,
    '' AS file_name,
    min(received_at) AS imported_at
FROM event_quarantine
WHERE stream LIKE 'import-%'
GROUP BY stream;
