-- Whether an exchange gave no answer, as far as its event tells: by its status, else by an error.
CREATE OR REPLACE MACRO chat_failed(status, error_kind, finish_reason) AS (
    coalesce(finish_reason = 'error', FALSE)
    OR coalesce(
        status IN ('error', 'cancelled', 'canceled', 'aborted', 'timeout', 'timed_out'),
        error_kind IS NOT NULL
    )
);

-- Whether there is something to read.
CREATE OR REPLACE MACRO has_text(written) AS (coalesce(regexp_matches(written, '\S'), FALSE));
